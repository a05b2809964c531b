"""Gives every mail in a folder to SpamAssassin (local rules only, no network) and refuses a score of 1.0 or more.

Many mails go to one process, as a mailbox: to begin takes it six times as long as to judge a mail.
"""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

LIMIT = 1.0
EACH = 60  # mails in one mailbox
FROM = "From mail-{}@example.org Tue Dec  8 09:30:00 2026\n"
BEGINS = re.compile(r"^From mail-(\d+)@example\.org ", re.MULTILINE)
SCORE = re.compile(r"^Content analysis details:\s+\((-?[\d.]+) points", re.MULTILINE)
SPAM = b"""From: win@lottery.example\r\nTo: you@example.org\r\nSubject: YOU WON $$$ CLICK NOW\r
MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r
<html><body>XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X</body></html>\r\n"""


def scored(mails: list[bytes]) -> list[tuple[float, str]]:
    """Return the score of each of *mails* and SpamAssassin's report."""
    box = b"".join(FROM.format(nth).encode() + _quoted(mail) + b"\n" for nth, mail in enumerate(mails))
    done = subprocess.run(
        ["spamassassin", "-L", "-t", "--mbox", "--prefspath=/dev/null", "--cf=use_bayes 0", "--cf=use_txrep 0"],
        input=box, capture_output=True, check=True, timeout=1200,
    )  # fmt: skip
    said = done.stdout.decode(errors="replace")
    begins = list(BEGINS.finditer(said))
    ends = [*(found.start() for found in begins[1:]), len(said)]
    # They come back by their dates, and not as they went.
    told = {int(found[1]): _read(said[found.start() : end]) for found, end in zip(begins, ends, strict=True)}
    if sorted(told) != list(range(len(mails))) or len(begins) != len(mails):
        raise SystemExit(f"{len(mails)} mails went to SpamAssassin and {len(begins)} came back")
    return [told[nth] for nth in range(len(mails))]


def _quoted(mail: bytes) -> bytes:
    """Return *mail* as it stands in a mailbox: no line of it begins another."""
    return re.sub(rb"^(>*From )", rb">\1", mail.replace(b"\r\n", b"\n"), flags=re.MULTILINE)


def _read(said: str) -> tuple[float, str]:
    found = SCORE.search(said)
    if found is None:
        raise SystemExit("no score in SpamAssassin's answer:\n" + said[-2000:])
    return float(found[1]), said[found.start() :]


def main(folder: Path, langs: list[str]) -> None:
    mails = sorted(path for lang in langs for path in (folder / lang).glob("*.eml"))
    ham = mails[0].read_bytes()
    (control, _), (harmless, _) = scored([SPAM, ham])
    if control < LIMIT or harmless >= LIMIT:
        raise SystemExit(f"the negative control scored only {control}, one of ours {harmless}")
    boxes = [mails[nth : nth + EACH] for nth in range(0, len(mails), EACH)]
    with ThreadPoolExecutor(2) as lanes:
        told = lanes.map(lambda box: scored([path.read_bytes() for path in box]), boxes)
    scores = dict(zip(mails, chain.from_iterable(told), strict=True))
    bad = {path: said for path, (score, said) in scores.items() if score >= LIMIT}
    worst = max(score for score, _ in scores.values())
    print(f"{len(mails)} mails in {len(langs)} languages, worst score {worst}, the control {control}")
    for path, said in bad.items():
        print(path, said)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        sys.argv[2:] or sorted(path.name for path in Path(sys.argv[1]).iterdir() if path.is_dir()),
    )
