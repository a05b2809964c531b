"""Translations, read from .po files when first asked for. Falls back string by string, ending in English."""

from __future__ import annotations

import gettext
import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from workers.errors import Permanent

ENGLISH: Final = gettext.NullTranslations()


class Catalogs:
    """The ``<lang>.po`` files of some folders; a string of an earlier folder wins."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self.best = lru_cache(maxsize=64)(self._best)

    def _best(self, lang: str) -> gettext.NullTranslations:
        """Return the translations for *lang* (BCP 47), then for its language alone, then English."""
        found: gettext.NullTranslations | None = None
        language = lang.partition("-")[0]
        for tag in dict.fromkeys((lang, language)):
            for folder in self._folders:
                path = folder / f"{tag}.po"
                if path.is_file():
                    catalog = _read(path)
                    if found is None:
                        found = catalog
                    else:
                        found.add_fallback(catalog)
        return found or ENGLISH


def _read(path: Path) -> gettext.GNUTranslations:
    try:
        with path.open("rb") as file:
            catalog = read_po(file, abort_invalid=True)
    except (OSError, PoFileError, UnicodeDecodeError, ValueError) as error:
        raise Permanent(f"the translations in {path.name} cannot be read: {error}") from error
    compiled = io.BytesIO()
    write_mo(compiled, catalog)  # in memory: plural rules and fallbacks are gettext's own business
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
