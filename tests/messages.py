"""Brings ``templates/locale/*.po`` up to date with our words: ``make messages``, or with a tag to begin a language.

A string that is new stands there untranslated, one that is gone is removed; nothing is guessed from a similar one. The
languages' own tests (``tests/words/test_languages.py``) use the same extraction and say what is missing.
"""

from __future__ import annotations

import sys
import tomllib
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
LOCALE = ROOT / "templates" / "locale"
PLACES = ("templates", "workers/knowledge/operators", "workers/knowledge/advice.yaml")


def words() -> Catalog:
    """Return all strings a person may read, without translations."""
    mappings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["babel"][
        "mappings"
    ]
    methods = [(one["pattern"], one["method"]) for one in mappings]
    options = {
        one["pattern"]: {k: v for k, v in one.items() if k not in ("pattern", "method")} for one in mappings
    }
    found = Catalog(charset="utf-8", project="customs-watch")
    for place in PLACES:
        path = ROOT / place
        folder, only = (path, None) if path.is_dir() else (path.parent, path.name)
        for name, line, message, comments, context in extract_from_dir(folder, methods, options):
            if only is None or name == only:
                where = (folder / name).relative_to(ROOT).as_posix()
                found.add(message, locations=[(where, line)], auto_comments=comments, context=context)
    return found


def brought_up_to_date(path: Path) -> bytes:
    """Return the file at *path* with exactly the strings of today."""
    tag = path.stem
    if path.is_file():
        with path.open("rb") as file:
            catalog = read_po(file, locale=tag.replace("-", "_"))
    else:
        head = f"# Our words in {tag}. Glossary and style: docs/translating.md"
        catalog = Catalog(
            locale=tag.replace("-", "_"), charset="utf-8", project="customs-watch", header_comment=head, version="1",
            msgid_bugs_address="none", last_translator="see the history", language_team=tag, fuzzy=False,
        )  # fmt: skip
    made = catalog.creation_date
    catalog.update(words(), no_fuzzy_matching=True)
    catalog.creation_date = made  # else every run of the command would be a change
    catalog.obsolete.clear()
    out = BytesIO()
    write_po(out, catalog, width=0, sort_output=True, include_lineno=False)
    return out.getvalue()


def main(tags: list[str]) -> None:
    LOCALE.mkdir(exist_ok=True)
    paths = [LOCALE / f"{tag}.po" for tag in tags] or sorted(LOCALE.glob("*.po"))
    for path in paths:
        path.write_bytes(brought_up_to_date(path))
        with path.open("rb") as file:
            catalog = read_po(file)
        empty = [
            m for m in catalog if m.id and not (all(m.string) if isinstance(m.string, tuple) else m.string)
        ]
        print(f"{path.name}: {len(catalog)} strings, {len(empty)} to translate")


if __name__ == "__main__":
    main(sys.argv[1:])
