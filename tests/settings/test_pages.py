"""Every page leads somewhere: links and their anchors exist, and so does every command of ours that a page names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from workers.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
AFTER = r"customs-watch (?=[a-z])([a-z-]+)"


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def astray(page: Path, text: str) -> Iterator[str]:
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        there = page.parent / name if name else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            yield link


def strangers(text: str) -> set[str]:
    """Name the commands in code that we do not have: prose may say what customs-watch does."""
    code = re.findall(r"^```.*?^```$|`[^`\n]+`", text, flags=re.MULTILINE | re.DOTALL)
    known = set(getattr(get_command(app), "commands", {}))
    return {name for piece in code for name in re.findall(AFTER, piece)} - known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_and_every_command_of_a_page_exists(page: Path) -> None:
    text = page.read_text()
    assert list(astray(page, text)) == []
    assert strangers(text) == set()


def test_a_link_that_leads_nowhere_and_a_command_we_have_not_are_seen() -> None:
    page = ROOT / "README.md"
    text = "[a](docs/none.md) [b](docs/config.md#none) [c](docs/config.md#sources)\n`customs-watch frobnicate`, `customs-watch status`"
    assert list(astray(page, text)) == ["docs/none.md", "docs/config.md#none"]
    assert strangers(text) == {"frobnicate"}
