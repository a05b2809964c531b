"""Writes what people look at into a folder: every advice in every language as a page and a mail, the status page, and SMS with their price.

``make looks`` then opens the pages in a browser (look.mjs), gives the mails to SpamAssassin, and counts the SMS again.
"""

from __future__ import annotations

import json
import random
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.words import samples, status
from tests.words.test_words import ROWS, WORST_TITLE
from workers import resources
from workers.channels import Envelope
from workers.channels._mime import Sender, to_bytes
from workers.core import sms
from workers.core.model import Enclosure, Message, Why
from workers.render.enclosed import Words
from workers.render.page import StatusPages

SMS = 10_000  # messages for the independent calculators
MOST = 2  # segments of an SMS about one parcel
SENDER = Sender("parcels@example.org", "customs-watch", "", "example.org", unsubscribe="parcels@example.org")
LEAVE = "https://parcels.example.org/leave/" + "0" * 70
# The names of orders that cost most: by length, in signs that cost double or bring the dear alphabet, in both directions.
WORST = (
    WORST_TITLE,
    "手机壳 钓鱼轮 " * 8,
    "🎣👨‍👩‍👧🏳️‍🌈" * 20,
    "€{}[]~^|" * 15,
    "חוט דיג 0.35 מ״מ (300 מ׳)! " * 4,
    "Wędka „spinning” 2,70 m – ćma żółć " * 4,
    "o" + "\u0301" * 40 + "ẛ̣" * 40,
    "W" * 120,
)
AT = datetime(2026, 12, 8, 9, 30, tzinfo=UTC)


def languages() -> list[str]:
    """Return all languages there are words for, English first."""
    return ["en", *sorted(path.stem for path in resources.shipped("templates").glob("locale/*.po"))]


def write(folder: Path) -> None:
    renderer = Words()
    pages, shorts = [], []
    for lang in languages():
        (folder / lang).mkdir(parents=True, exist_ok=True)
        for nth, (advice, row) in enumerate(ROWS.items()):
            for name, context in (
                (advice, samples.full(row)),
                *(
                    (f"{advice}-worst", samples.full(row, title=WORST[(nth + i) % len(WORST)]))
                    for i in (0, 3, 6)
                ),
            ):
                message = renderer.render(context, lang=lang, timezone="Europe/Madrid")
                if sms.segments(message.short).parts > MOST:
                    raise SystemExit(f"more than {MOST} segments in {lang}: {message.short}")
                shorts.append(message.short)
                if name != advice:
                    continue
                page = folder / lang / f"{name}.html"
                page.write_text(message.html, encoding="utf-8")
                page.with_suffix(".txt").write_text(message.text, encoding="utf-8")
                dates = renderer.dates(context, lang=lang, timezone="Europe/Madrid", writer=SENDER.address)
                page.with_suffix(".eml").write_bytes(mail(message, dates, len(pages)))
                pages.append({"lang": lang, "advice": advice, "page": f"{lang}/{name}.html"})
        pages += beside(folder, lang, renderer)
    (folder / "pages.json").write_text(json.dumps(pages), encoding="utf-8")
    (folder / "sms.json").write_text(json.dumps([priced(text) for text in texts(shorts)]), encoding="utf-8")
    print(f"{len(pages)} pages in {len(languages())} languages, {SMS} SMS in {folder}")


def beside(folder: Path, lang: str, renderer: Words) -> list[dict[str, str]]:
    """Write what is no mail about one parcel: the status page, a digest, a mail with the longest name, the page of a link."""
    few = [
        samples.full(ROWS[advice], title=title)
        for advice, title in (
            ("held", "Vintage camera lens"),
            ("pay", WORST_TITLE),
            ("delivered", "Desk lamp"),
        )
    ]
    reminder = samples.full(ROWS["pay"], title=WORST_TITLE, why=Why.REMINDER)
    report = StatusPages().page(
        status.twelve(), lang=lang, timezone="Europe/Madrid", version="0", now=status.NOW
    )
    made = {
        "report": ("", report),
        "digest": ("digest", renderer.bundle("digest", few, lang=lang, timezone="Europe/Madrid").html),
        "longest": ("longest", renderer.render(reminder, lang=lang, timezone="Europe/Madrid").html),
        "seen": ("", renderer.seen("ask", WORST_TITLE, lang=lang)),
        "leave": ("", renderer.leave("ask", lang=lang)),
    }
    for name, (_, html) in made.items():
        (folder / lang / f"{name}.html").write_text(html, encoding="utf-8")
    return [
        {"lang": lang, "advice": advice, "page": f"{lang}/{name}.html"}
        for name, (advice, _) in made.items()
        if name not in ("seen", "leave") or lang in ("en", "he")
    ]


def mail(message: Message, dates: Enclosure | None, nth: int) -> bytes:
    envelope = Envelope(notice=f"n{nth:05}", to="anna@example.org", thread="t1", leave=LEAVE)
    return to_bytes(envelope, message.with_more(message.html, (dates,) if dates else ()), SENDER, at=AT)


def texts(shorts: list[str]) -> list[str]:
    """Return *SMS* messages: as many of ours as are half of them, then cut and mixed anywhere, with signs of every kind (seeded)."""
    dice = random.Random(20261124)  # noqa: S311 -- made-up texts
    signs = list("abcXYZ 0129.,:;-@£$¥èéùìòÇ\n{}[]~|\\^€ÄÖÑÜ§¿łčőкжяא가字🙂👍🏽é")
    out = dice.sample(shorts, min(len(shorts), SMS // 2))
    while len(out) < SMS:
        text = dice.choice(shorts)
        cut = text[dice.randrange(len(text)) :] + dice.choice(shorts)[: dice.randrange(200)]
        for _ in range(dice.choice((0, 0, 1, 3))):
            at = dice.randrange(len(cut) + 1)
            cut = cut[:at] + dice.choice(signs) * dice.choice((1, 1, 7)) + cut[at:]
        out.append(cut)
    return out[:SMS]


def priced(text: str) -> dict[str, object]:
    cost = sms.segments(text)
    return {"text": text, "encoding": cost.encoding, "units": cost.units, "parts": cost.parts}


if __name__ == "__main__":
    write(Path(sys.argv[1]))
