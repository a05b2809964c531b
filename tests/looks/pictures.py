"""Lays out the pictures of the README as pages, from what the demonstration really sent and shows; ``make pictures`` photographs them.

pictures.mjs opens the pages in a browser. Nothing is drawn by hand: a picture that is out of date is made again.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ORDER = (
    "Raincoat for the little one"  # whose notice is shown: VAT was paid, and the carrier asks for it again
)
COLUMNS = 104
GROUND = "font:15px/1.45 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
THEME = TerminalTheme(
    (21, 24, 23), (214, 221, 217),
    [(40, 45, 43), (232, 112, 80), (110, 200, 145), (222, 184, 90), (120, 165, 210), (190, 140, 200), (110, 190, 190), (214, 221, 217)],
)  # fmt: skip


def mail(outbox: Path) -> EmailMessage:
    """Return the mail about ORDER in *outbox*."""
    for path in sorted(outbox.glob("*.eml")):
        found = message_from_bytes(path.read_bytes(), policy=policy.default)
        if ORDER in str(found["Subject"]):
            return found
    raise SystemExit(f"no mail about {ORDER!r} in {outbox}: run `make demo FRESH=1`")


def html_of(found: EmailMessage) -> str:
    part = found.get_body(("html",))
    assert part is not None  # every mail of ours has one
    return str(part.get_content())


def sms(outbox: Path) -> str:
    """Return the page of the SMS about ORDER."""
    said = [path.read_text(encoding="utf-8") for path in sorted(outbox.glob("*.sms.txt"))]
    text = next(one for one in said if ORDER in one).strip().rpartition("\n\n")[2]
    return (
        f'<!DOCTYPE html><meta charset="utf-8"><body style="margin:0;padding:18px 16px;background:#ffffff;color:#1d2321;{GROUND}">'
        '<p style="margin:0 0 10px;color:#55605c;font-size:13px;text-align:center">SMS</p>'
        f'<p style="margin:0;padding:12px 15px;border-radius:18px;background:#e8ebe9">{escape(text)}</p>'
    )


def terminal(config: Path) -> str:
    """Return the page of what ``status`` prints in a terminal with colours."""
    said = subprocess.run(
        [Path(sys.executable).with_name("customs-watch"), "status", "--config", config],
        env={**os.environ, "COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "TERM": "xterm-256color"},
        capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print("[green]$[/] customs-watch status\n")
    console.print(Text.from_ansi(said.strip()))
    drawn = console.export_html(theme=THEME, inline_styles=True, code_format="{code}")
    return (
        '<!DOCTYPE html><meta charset="utf-8"><body style="margin:0;padding:18px 22px;background:#151817;color:#d6ddd9">'
        f"<pre style=\"margin:0;font:14px/1.35 'DejaVu Sans Mono',Menlo,Consolas,monospace\">{drawn}</pre>"
    )


def part(
    page: str, scheme: str, width: int, height: int, begins: list[str] | None = None
) -> dict[str, object]:
    """Return what is to be photographed: from the top of *page*, or from the element of that name with those words."""
    return {"page": page, "scheme": scheme, "width": width, "height": height, "begins": begins}


def lay_out(demo: Path, folder: Path) -> None:
    """Write the pages of all pictures, and pictures.json, which says how they are put together."""
    config, outbox = demo / "config" / "orders.yaml", demo / "var" / "outbox"
    folder.mkdir(parents=True, exist_ok=True)
    report = folder / "report.html"
    subprocess.run(
        [Path(sys.executable).with_name("customs-watch"), "report", "--out", report, "--config", config],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    pages = {"mail": html_of(mail(outbox)), "sms": sms(outbox), "terminal": terminal(config)}
    for name, html in pages.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    pictures = {
        "notice": [
            [part("mail.html", "light", 375, 760)],
            [
                part("sms.html", "light", 375, 300),
                part("mail.html", "dark", 375, 542, begins=["h2", "Where it stands"]),
            ],
        ],
        "status": [
            [part("report.html", "light", 560, 800)],
            [part("report.html", "dark", 560, 800, begins=["article", ORDER])],
        ],
        "terminal": [[part("terminal.html", "dark", 930, 1200)]],
    }
    (folder / "pictures.json").write_text(json.dumps(pictures), encoding="utf-8")


if __name__ == "__main__":
    lay_out(Path(sys.argv[1]), Path(sys.argv[2]))
