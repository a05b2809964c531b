"""Lists our own English sentences that stand in data, for ``make messages``. Translates nothing and reads no template."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

# The fields of an operator's file, and of a row of the advice table, that a notice shows to the person.
SHOWN: Final = ("pay_where", "documents_where", "contact", "why")
_FIELD: Final = re.compile(r'^ *(?P<field>[a-z_]+): "?(?P<said>[^"\n]+)"?$')

Found = tuple[int, str, str, Sequence[str]]


class Lines(Protocol):
    """A file opened for reading bytes, as pybabel hands it over."""

    def __iter__(self) -> Iterator[bytes]: ...


def of_knowledge(
    file: Lines, keywords: Sequence[str], comment_tags: Sequence[str], options: Mapping[str, str]
) -> Iterator[Found]:
    """Yield the sentences of one file of our knowledge as pybabel's extractors do: line, function, message, comments.

    A sentence stands on one line, as in all our files; a test compares with what is loaded from them.
    """
    del keywords, comment_tags, options  # the interface is Babel's; our files need none of it
    for number, line in enumerate(file, start=1):
        found = _FIELD.match(line.decode("utf-8").rstrip())
        if found and found["field"] in SHOWN:
            yield number, "gettext", found["said"], ()
