"""17TRACK's numbers for carriers and errors, and what each error means. Holds tables; decides nothing else.

Sources: https://help.17track.net article 37570440168473 for the errors (read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache

from workers.errors import Permanent, Temporary
from workers.sources._http import quoted

# From https://res.17track.net/asset/carrier/info/apicarrier.all.json, by way of public clients (2026-11-22).
# Other carriers: their number from that list as the hint.
CARRIERS: Mapping[str, int] = {
    "4px": 190094,
    "aliexpress": 190625,
    "cainiao": 190271,
    "chinapost": 3011,
    "correiosbr": 2151,
    "correiosbrazil": 2151,
    "correoses": 19181,
    "correosspain": 19181,
    "deutschepost": 7044,
    "deutschepostmail": 7044,
    "dhlecommerceasia": 7048,
    "dhlecommerceus": 7047,
    "dhlexpress": 100001,
    "dhlpaket": 7041,
    "fedex": 100003,
    "indiapost": 9021,
    "laposte": 6051,
    "parcelforce": 11033,
    "postnorddenmark": 4011,
    "postnorddk": 4011,
    "postnordse": 19241,
    "postnordsweden": 19241,
    "royalmail": 11031,
    "ups": 100002,
    "usps": 21051,
    "yanwen": 190012,
    "yunexpress": 190008,
}

ALREADY, NOT_REGISTERED, NOTHING_YET, ONLY_ONCE = -18019901, -18019902, -18019909, -18019905
ONLY_STOPPED, ONLY_TRACKING = -18019904, -18019906  # it is followed, so not again; it is not, so not stopped
PHONE = -18010020
_CHECK_NUMBER = "check the number on the order page"
_SET_CARRIER = "set `carrier:` of this parcel, by name or by 17TRACK's number for it"
_QUARTER_DAY = timedelta(hours=6)

# What asking again cannot mend, with what a person can do.
_PERMANENT: Mapping[int, tuple[str, str]] = {
    401: ("17TRACK refuses the key", "look at `token:` of this source"),
    -18010001: (
        "17TRACK refuses this machine's address",
        "add it to the key's IP whitelist, or empty the list",
    ),
    -18010002: ("17TRACK refuses the key", "look at `token:`; a new key works after about five minutes"),
    -18010004: ("17TRACK has disabled this account", "ask 17TRACK why"),
    -18010005: ("17TRACK refuses the key", "the account may not use this interface; look at its plan"),
    -18010010: ("17TRACK misses something", ""),
    -18010011: ("17TRACK refuses a value", _CHECK_NUMBER),
    -18010012: ("17TRACK refuses the form of the number", _CHECK_NUMBER),
    -18010013: ("17TRACK refuses what was sent", _CHECK_NUMBER),
    -18010014: ("17TRACK takes at most 40 numbers a call", "lower `batch:` of this source"),
    -18010015: ("17TRACK refuses a value", _CHECK_NUMBER),
    -18010016: ("17TRACK takes a last-mile carrier only for postal parcels", _SET_CARRIER),
    -18010018: ("this carrier needs the country and the postcode", "set `destination:` and `postcode:`"),
    -18010019: ("this carrier needs the postcode", "set `postcode:` of the order"),
    -18010020: (
        "this carrier needs the end of the phone number on the label",
        "set `phone_last4:` of the order",
    ),
    -18010022: ("this carrier needs more than a number", "look this parcel up another way"),
    -18019903: ("17TRACK does not know which carrier this is", _SET_CARRIER),
    -18019910: ("17TRACK does not know this carrier", _SET_CARRIER),
    -18019911: ("17TRACK cannot follow parcels of this carrier", _SET_CARRIER),
}
# What asking again can mend, and when.
_LATER: Mapping[int, tuple[str, timedelta | None, str]] = {
    429: ("17TRACK asks to slow down", None, ""),
    -18010003: ("17TRACK has an inner error", None, ""),
    -18019907: ("17TRACK's daily limit of new numbers is reached", _QUARTER_DAY, "wait for tomorrow"),
    -18019908: (
        "17TRACK's quota of new numbers is used up",
        _QUARTER_DAY,
        "buy quota, or watch fewer parcels",
    ),
}


@lru_cache(maxsize=4096)  # hints repeat
def carrier_code(hint: str) -> int:
    """Return 17TRACK's number for the carrier the user named, by number or name; 0 where we know none."""
    if not hint:
        return 0
    word = "".join(c for c in hint.casefold() if c.isalnum())
    return int(word) if word.isdecimal() and word.isascii() and len(word) <= 9 else CARRIERS.get(word, 0)


def trouble(code: int, message: str) -> Temporary | Permanent:
    """Return what an error code of 17TRACK means: a sentence, when to ask again, what a person can do."""
    said = f": {quoted(message)}" if message else ""
    if code in _PERMANENT:
        sentence, hint = _PERMANENT[code]
        return Permanent(f"{sentence}{said}", hint=hint)
    sentence, after, hint = _LATER.get(code, (f"17TRACK answered with error {code}", None, ""))
    return Temporary(f"{sentence}{said}", after=after, hint=hint)
