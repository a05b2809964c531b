"""Read single fields of an answer, of whatever type. Refuses nothing: an odd value is an empty one."""

from __future__ import annotations

from typing import Any

import msgspec

from workers.strangers import word as word  # the sources' own name for it

# All that decoding JSON can raise; UnicodeDecodeError is no DecodeError of msgspec's, RecursionError is nesting.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def name(value: Any) -> str:
    """Return a tracking number as we keep it: upper case, no white space."""
    if (
        isinstance(value, str)
        and len(value) <= 200
        and value.isascii()
        and value.isalnum()
        and value.upper() == value
    ):
        return value  # nearly all numbers are in form already
    return "".join(word(value, 200).upper().split())


def whole(value: Any) -> int:
    """Return a whole number, also from digits in a string; 0 for anything else."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str) and len(value) < 20:
        try:
            return int(value)
        except ValueError:
            return 0
    return 0


def country(value: Any) -> str:
    """Return an ISO 3166-1 alpha-2 code in upper case; "" for anything that cannot be one."""
    code = (value if isinstance(value, str) and len(value) == 2 else word(value, 10)).upper()
    return code if len(code) == 2 and code.isascii() and code.isalpha() else ""


def table(value: Any) -> dict[str, Any]:
    """Return *value* if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def tables(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list, or a single object as the only one; anything else holds none."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]
