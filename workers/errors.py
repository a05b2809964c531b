"""The errors of the house: sentences with a hint. Says whether asking again can help, and what a person should do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


class Trouble(Exception):  # noqa: N818 -- the house says trouble; not every one is an error
    """Something went wrong that was foreseen."""

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip())
        self.hint = hint

    def __str__(self) -> str:
        said = super().__str__()
        return f"{said} ({self.hint})" if self.hint else said


class Temporary(Trouble):
    """The other side is ill; asking again can help. ``after`` is when, if it said so."""

    def __init__(self, message: str = "", *, after: timedelta | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.after = after


class Permanent(Trouble):
    """Asking again cannot help."""


class DeadAddress(Permanent):
    """The address itself is dead: whatever is sent there will not arrive until somebody changes or confirms it."""


class Barred(Permanent):
    """Nothing at all goes out this way until somebody mends it: a password, a key, a certificate, an account."""


class Uncertain(Trouble):
    """The other side may or may not have accepted: the answer was lost."""


class LostLease(Trouble):
    """Somebody else holds this claim now; what was done here must not be recorded."""


class OfNewer(Temporary):
    """A newer customs-watch wrote it: whoever runs that one can read it, and this one leaves it alone."""


class StoreTrouble(Temporary):
    """The store cannot be reached or refuses to write."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a file: where it is, what is wrong, what to write instead."""

    file: str
    line: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        tail = f" ({self.hint})" if self.hint else ""
        return f"{self.file}:{self.line}: {self.message}{tail}"


class Misconfigured(Trouble):
    """The user must edit something. Holds every mistake at once."""

    def __init__(self, message: str = "", *, mistakes: tuple[Mistake, ...] = (), hint: str = "") -> None:
        super().__init__(message or "\n".join(str(m) for m in mistakes), hint=hint)
        self.mistakes = mistakes
