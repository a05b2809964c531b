"""Every reviewed message as the bytes of a mail, read back by another parser: what the reader sees is the golden file, to the letter."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.messages_read import read
from tests.words.test_words import shown
from workers.channels import Envelope, _clean, _mime
from workers.core.model import Message

GOLDEN = Path(__file__).parents[1] / "words" / "golden"
AT = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
SENDER = _mime.Sender("cw@example.org", "Customs watch", unsubscribe="cw@example.org")
ENVELOPE = Envelope("n" * 32, "anna@example.net", "t", leave="https://parcels.example.org/leave/" + "0" * 80)
LANGUAGES = sorted(path.stem for path in GOLDEN.glob("*.txt"))
PARTED = re.compile(
    r"^Subject: (?P<subject>[^\n]*)\nPreheader: (?P<preheader>[^\n]*)\n(?:SMS: [^\n]*\n)?\n(?P<text>.*)",
    re.DOTALL,
)


def reviewed(lang: str) -> dict[str, Message]:
    """Return the messages of a golden file; English ones with their pages as they are rendered."""
    if lang == "en":
        files = {path.name.partition(".")[0]: path for path in sorted((GOLDEN / "en").glob("*.email.txt"))}
        parts = {name: path.read_text(encoding="utf-8") for name, path in files.items()}
        pages = {name: shown(name).html for name in files}
    else:
        found = re.split(
            r"^######## (\w+)\n", (GOLDEN / f"{lang}.txt").read_text(encoding="utf-8"), flags=re.MULTILINE
        )
        parts, pages = dict(zip(found[1::2], found[2::2], strict=True)), {}
    messages = {}
    for name, said in parts.items():
        one = PARTED.match(said)
        assert one is not None, (lang, name)
        page = pages.get(name, f"<html lang={lang}><body><p>{one['text']}</p></body></html>\n")
        messages[name] = Message(
            one["subject"], one["text"].rstrip("\n") + "\n", page, "", lang, one["preheader"]
        )
    return messages


def written(message: Message) -> bytes:
    return _mime.to_bytes(ENVELOPE, message, SENDER, at=AT)


@pytest.mark.parametrize("lang", ["en", *LANGUAGES])
def test_what_is_read_is_what_was_reviewed(lang: str) -> None:
    for name, message in reviewed(lang).items():
        data = written(message)
        mail = read(data)
        assert mail.subject == _clean.header(message.subject), name  # no sign of direction in a header
        assert mail.text == message.text, name
        assert mail.html == message.html.removesuffix("\n") + "\n", name
        assert mail.headers["Content-Language"] == lang
        assert len(data) < 60 * 1024, f"{name} has {len(data)} bytes"
        assert data.isascii(), "safe for servers of 7 bits"
        head, _, body = data.partition(b"\r\n\r\n")
        assert max(map(len, body.split(b"\r\n"))) <= 78
        long = [line for line in head.split(b"\r\n") if len(line) > 78]
        assert all(line.startswith(b"List-Unsubscribe: <https://") for line in long), long


class Seen(HTMLParser):
    """The words of a page, as a reader sees them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self._quiet = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._quiet = tag in ("style", "title")

    def handle_endtag(self, tag: str) -> None:
        self._quiet = False

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.words.append(data)


def letters(text: str) -> str:
    return re.sub(r"\W+", "", text).casefold()


def test_the_page_that_arrives_says_what_the_text_says() -> None:
    for name, message in reviewed("en").items():
        mail = read(written(message))
        page = letters(" ".join(Seen(mail.html).words))
        assert letters(message.preheader) in page, "the first words that an inbox shows"
        for paragraph in re.split(r"\n\s*\n", mail.text)[2:]:  # the subject and its line come first
            for line in paragraph.splitlines():
                said = letters(re.sub(r"^\s*\d+\.", "", line))
                assert said in page, (name, line)


def test_a_mail_that_was_changed_on_its_way_is_noticed() -> None:
    message = reviewed("en")["pay"]
    data = written(message).replace(b"import charges", b"import presents")
    assert read(data).text != message.text
