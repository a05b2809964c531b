"""Take the context of a notice as it was stored, by this version or another. Refuses what it cannot read, and guesses nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from workers.core.brief import VERSION
from workers.core.forms import lifted, of_newer
from workers.errors import OfNewer, Permanent

Context = Mapping[str, Any]

NEWER_COMES: Final = timedelta(seconds=30)  # a worker of the newer version takes what this one cannot read


def readable(context: Context) -> Context:
    """Return a context in today's form; raises OfNewer for one of a newer version, Permanent for one of nobody's."""
    said = f"this notice was stored by another version (form {context.get('version')}, ours is {VERSION})"
    if of_newer(context):
        raise OfNewer(said, after=NEWER_COMES, hint="a newer customs-watch sends it: run that one")
    known = lifted(context)
    if known is None:
        raise Permanent(said, hint="it is told again when the parcel changes")
    return known
