"""Know what a carrier's code says, and join it with the words beside it: the code decides, the words may say more.

Refuses to read words; that is ``core.classify``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from workers.core.lexicon import Says
from workers.core.model import Charges, Evidence, Reading, Stage

DISTINCT = 5  # characters of a code that no two lists share by chance

CUSTOMS = frozenset(
    {
        Stage.EXPORT_CUSTOMS,
        Stage.EXPORT_CLEARED,
        Stage.TRANSIT_CUSTOMS,
        Stage.IMPORT_CUSTOMS,
        Stage.INSPECTION,
        Stage.HELD,
        Stage.DOCUMENTS_REQUIRED,
        Stage.PAYMENT_DUE,
        Stage.PAYMENT_RECEIVED,
        Stage.CLEARANCE_DELAY,
        Stage.RELEASED,
        Stage.REFUSED,
    }
)
_OPEN = frozenset(
    {Stage.INSPECTION, Stage.HELD, Stage.DOCUMENTS_REQUIRED, Stage.PAYMENT_DUE, Stage.CLEARANCE_DELAY}
)
# What a text may make of a code that decides: the same matter, told more closely.
_CLOSER: Mapping[Stage, frozenset[Stage]] = {
    Stage.IMPORT_CUSTOMS: _OPEN | {Stage.PAYMENT_RECEIVED},
    Stage.HELD: _OPEN | {Stage.REFUSED},
    Stage.CLEARANCE_DELAY: _OPEN,
    Stage.DOCUMENTS_REQUIRED: frozenset(
        {Stage.PAYMENT_DUE}
    ),  # "information required" is also said of unpaid charges
    Stage.INSPECTION: frozenset({Stage.HELD, Stage.DOCUMENTS_REQUIRED, Stage.PAYMENT_DUE}),
    Stage.EXCEPTION: _OPEN
    | {Stage.REFUSED, Stage.RETURNING, Stage.DELIVERY_FAILED, Stage.AVAILABLE_FOR_PICKUP},
    Stage.DELIVERY_FAILED: frozenset({Stage.AVAILABLE_FOR_PICKUP}),
    Stage.IN_TRANSIT: frozenset({Stage.ARRIVED_DESTINATION}),
}
# A code that does not tell export from import leaves that to the words.
_SIDED: Mapping[Stage, frozenset[Stage]] = {
    Stage.IMPORT_CUSTOMS: frozenset({Stage.EXPORT_CUSTOMS, Stage.TRANSIT_CUSTOMS}),
    Stage.INSPECTION: frozenset({Stage.EXPORT_CUSTOMS, Stage.TRANSIT_CUSTOMS}),
    Stage.HELD: frozenset({Stage.EXPORT_CUSTOMS, Stage.TRANSIT_CUSTOMS}),
    Stage.CLEARANCE_DELAY: frozenset({Stage.EXPORT_CUSTOMS, Stage.TRANSIT_CUSTOMS}),
    Stage.RELEASED: frozenset({Stage.EXPORT_CLEARED, Stage.TRANSIT_CUSTOMS}),
}


@dataclass(frozen=True, slots=True)
class Code:
    """What one code of one system says."""

    says: Says
    means: str = ""
    where: str = ""
    source: str = ""
    checked: date | None = None
    weak: bool = False  # coarse or unreliable: any known words win
    doubtful: bool = False


def normal_code(code: str) -> str:
    """Return *code* as it stands in our files: NFKC, upper case, one kind of underscore, no blanks around."""
    return unicodedata.normalize("NFKC", code).strip().upper()


def of_code(known: Code, code: str) -> Reading:
    what = f"{normal_code(code)}: {known.means}" if known.means else normal_code(code)
    says = known.says
    evidence = Evidence("code", what, known.where, known.source, known.checked)
    return Reading(says.stage, says.causes, says.side, says.addressee, says.charges, (evidence,))


def join(known: Code, coded: Reading, words: Reading) -> Reading:
    """Join what a code and the words beside it say: the code decides, the words may tell the same matter more closely."""
    if words.stage is Stage.UNKNOWN:
        return coded
    if coded.stage is Stage.UNKNOWN or known.weak:
        return replace(words, beat=words.beat + coded.evidence)
    closer = words.stage in _CLOSER.get(coded.stage, frozenset())
    sided = coded.side is None and words.stage in _SIDED.get(coded.stage, frozenset())
    if closer or sided:
        return replace(
            words,
            causes=tuple(dict.fromkeys(words.causes + coded.causes)),
            side=words.side or coded.side,
            addressee=words.addressee or coded.addressee,
            charges=words.charges if words.charges is not Charges.UNKNOWN else coded.charges,
            evidence=coded.evidence + words.evidence,
        )
    if words.stage is not coded.stage and not (words.stage in CUSTOMS and coded.stage in CUSTOMS):
        return replace(coded, beat=words.evidence + words.beat)
    return Reading(
        coded.stage,
        tuple(dict.fromkeys(coded.causes + words.causes)),
        coded.side or words.side,
        coded.addressee or words.addressee,
        coded.charges if coded.charges is not Charges.UNKNOWN else words.charges,
        coded.evidence + words.evidence,
        words.beat,
    )


def system_of(codes: Mapping[str, Mapping[str, Code]], code: str, carrier: str) -> str:
    """Return the system that *code* belongs to where nobody said: the carrier's own, or the only one that knows it.

    A short code or a bare number ("101", "DL") stands in many lists and proves nothing without its carrier.
    """
    wanted = normal_code(code)
    knowing = [system for system, known in codes.items() if wanted in known]
    name = "".join(c for c in carrier.casefold() if c.isalnum())
    named = [system for system in knowing if system in name]
    if named:
        return max(named, key=len)
    distinct = len(wanted) >= DISTINCT and not wanted.isdigit()
    return knowing[0] if len(knowing) == 1 and distinct else ""
