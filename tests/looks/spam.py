"""Gives every mail in a folder to SpamAssassin (local rules only, no network) and refuses a score of 1.0 or more."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LIMIT = 1.0
SPAM = b"""From: win@lottery.example\r\nTo: you@example.org\r\nSubject: YOU WON $$$ CLICK NOW\r
MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r
<html><body>XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X</body></html>\r\n"""


def scored(mail: bytes) -> tuple[float, str]:
    """Return the score of *mail* and SpamAssassin's report."""
    done = subprocess.run(
        ["spamassassin", "-L", "-t", "--prefspath=/dev/null", "--cf=use_bayes 0", "--cf=use_txrep 0"],
        input=mail, capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    said = done.stdout.decode(errors="replace")
    found = re.search(r"^Content analysis details:\s+\((-?[\d.]+) points", said, re.MULTILINE)
    if found is None:
        raise SystemExit("no score in SpamAssassin's answer:\n" + said[-2000:])
    return float(found[1]), said[found.start() :]


def main(folder: Path, langs: list[str]) -> None:
    mails = sorted(path for lang in langs for path in (folder / lang).glob("*.eml"))
    control, _ = scored(SPAM)
    if control < LIMIT:
        raise SystemExit(f"the negative control scored only {control}")
    with ThreadPoolExecutor(2) as lanes:
        scores = dict(zip(mails, lanes.map(lambda path: scored(path.read_bytes()), mails), strict=True))
    bad = {path: said for path, (score, said) in scores.items() if score >= LIMIT}
    worst = max(score for score, _ in scores.values())
    print(f"{len(mails)} mails, worst score {worst}, the control {control}")
    for path, said in bad.items():
        print(path, said)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ["en"])
