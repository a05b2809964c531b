"""Judge whether a received message fits what is waited for. Never says that one is safe, and guesses nothing.

A message matches only if nothing in it speaks against it and nothing is left open: it names a watched number, comes at a stage
where it makes sense, by a way its operator is documented to use, was read to its end, and **offers no way to reach or pay
anybody but that operator**: no other link, mail address, phone number, account, chat name, unread picture or file. That last
rule holds in any language, so a fraud that words do not catch still cannot match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final

from workers.core import links, operators, received, scam_stage, scam_ways, wording
from workers.core.model import Evidence, Operator
from workers.core.numbers import normalise
from workers.core.scam_case import Case, MessageIs, MessageVerdict, Reason, Sign, Watched, Weight
from workers.core.scam_stage import Fit
from workers.core.text import fold
from workers.core.wording import Hit, Report, Signs

__all__ = ["MessageIs", "MessageVerdict", "Reason", "Sign", "Watched", "Weight", "judge_message"]

SHORTEST: Final = 8  # characters of a number that can be recognised; a shorter one may be anything

# Kinds of wordings that no operator uses, with the sign they give.
_NEVER_ASKED: Final = {
    "card": Sign.CARD_DATA,
    "crypto": Sign.CRYPTO,
    "gift": Sign.GIFT_CARD,
    "transfer": Sign.TRANSFER,
    "reply": Sign.REPLY,
    "install": Sign.INSTALL,
}
_ORDER: Final = {Weight.AGAINST: 0, Weight.OPEN: 1, Weight.FOR: 2}
_NEEDED: Final = frozenset({Sign.NUMBER_KNOWN, Sign.STAGE_FITS, Sign.OPERATOR_KNOWN})


def judge_message(
    text: str,
    *,
    sender: str = "",
    parcels: Sequence[Watched],
    operators: Sequence[Operator],
    signs: Signs,
    now: datetime,
) -> MessageVerdict:
    """Judge *text*, the words of an SMS or e-mail or a whole .eml, against the watched *parcels*; pure.

    *sender* is what the phone or mail program shows as the sender, "" if not known. Takes time linear in the text, of which
    a bounded part is looked at; what was not looked at keeps a message from matching.
    """
    case = _case(text, sender, parcels, operators, signs, now)
    reasons = [reason for check in _CHECKS for reason in check(case)]
    weights = {reason.weight for reason in reasons}
    if Weight.AGAINST in weights:
        verdict = MessageIs.DOES_NOT_MATCH
    elif Weight.OPEN in weights or not {reason.sign for reason in reasons} >= _NEEDED:
        verdict = MessageIs.CANNOT_TELL
    else:
        verdict = MessageIs.MATCHES
    unique = {(r.sign, r.detail): r for r in reasons}.values()
    return MessageVerdict(
        verdict,
        tuple(sorted(unique, key=lambda r: _ORDER[r.weight])),
        case.asks,
        tuple(watched.parcel.id for watched in case.named),
        case.speaker,
        _reports(case),
    )


def _case(
    text: str, sender: str, watched: Sequence[Watched], known: Sequence[Operator], signs: Signs, now: datetime
) -> Case:
    message = received.read(text, sender=sender, endings=signs.endings)
    whole = "\n".join(links.readings(message.text))
    carried = whole + "\n" + "\n".join(link.rest for link in message.links)
    named = _named(carried, watched)
    bare = whole  # a link's own words are no words of the message
    for shown in sorted((link.shown for link in message.links), key=len, reverse=True):
        bare = bare.replace(shown, " ")
    words = wording.read(bare, signs, loud=(*_NEVER_ASKED, "redelivery"), hidden=links.hides(message.text))
    asks = [kind for kind in ("pay", "documents", "address") if words.of(kind)]
    if "pay" not in asks and wording.sums(whole):
        asks.insert(0, "pay")
    if not asks and words.of("info"):
        asks = ["info"]
    holders = _holders(named or watched, known)
    speaker = _speaker(message, holders, known)
    return Case(message, words, whole, tuple(asks), named, watched, known, holders, speaker, signs, now)


def _named(text: str, watched: Sequence[Watched]) -> tuple[Watched, ...]:
    """Return the parcels whose number stands in *text* whole."""
    solid = normalise(text)
    out = []
    for one in watched:
        of_events = (seen.sighting.number for seen in one.snapshot.timeline)
        numbers = {normalise(n) for n in (one.parcel.number, *one.snapshot.next_numbers, *of_events)}
        if any(len(n) >= SHORTEST and n in solid and wording.holds(text, n) for n in numbers):
            out.append(one)
    return tuple(out)


def _holders(watched: Sequence[Watched], known: Sequence[Operator]) -> tuple[Operator, ...]:
    """Return who can hold one of *watched*: the operator chosen for it, or all of its destination where none is."""
    out: list[Operator] = []
    for one in watched:
        carriers = [one.parcel.carrier, *(s.sighting.carrier for s in reversed(one.snapshot.timeline))]
        chosen = operators.choose(
            one.order,
            number=one.parcel.number,
            carriers=list(dict.fromkeys(filter(None, carriers))),
            operators=known,
        )
        if chosen is not None and chosen.kind != "platform":
            out.append(chosen)
        else:
            out += [
                o
                for o in known
                if o.country == one.order.destination or (not o.country and o.kind != "platform")
            ]
        out += [o for o in known if o.kind == "platform"]
    return tuple(dict.fromkeys(out))


def _speaker(
    message: received.Received, holders: Sequence[Operator], known: Sequence[Operator]
) -> Operator | None:
    """Return whom the message speaks for: a holder before others, a carrier before a shop, the longest name first."""
    text = wording.fold_all(f"{message.text[:4_000]}\n{message.sender}")
    named: list[tuple[bool, bool, int, Operator]] = []
    hosts = [link.host for link in message.links] + list(message.senders)
    for operator in known:
        names = {operator.name, operator.id.replace("_", " "), *operator.aliases, *operator.name.split(" / ")}
        folded = {fold(n).strip() for n in names}
        longest = max((len(n) for n in folded if n and f" {n} " in text), default=0)
        if not longest and any(links.within(host, operator.domains) for host in hosts):
            longest = 1
        if longest:
            named.append((operator in holders, operator.kind != "platform", longest, operator))
    return max(named, key=lambda n: n[:3])[3] if named else None


def _parcels(case: Case) -> Iterator[Reason]:
    if case.named:
        yield case.speaks_for(
            Sign.NUMBER_KNOWN, *(f"{w.order.title} {w.parcel.number}" for w in case.named[:3])
        )
    if not case.asks:
        yield case.open(Sign.NOTHING_ASKED)
    for ask in case.asks:
        fits = [(scam_stage.fit(ask, w, case.speaker), w) for w in case.named]
        for outcome, sign, say in (
            (Fit.CONTRADICTS, Sign.STAGE_CONTRADICTS, case.against),
            (Fit.UNCLEAR, Sign.STAGE_UNCLEAR, case.open),
            (Fit.FITS, Sign.STAGE_FITS, case.speaks_for),
        ):
            for watched in (w for fit, w in fits if fit is outcome):
                proof = [e for seen in watched.snapshot.timeline[-1:] for e in seen.reading.evidence[:2]]
                yield say(sign, scam_stage.describe(watched, case.now), evidence=proof)


def _prepaid(case: Case) -> Iterator[Reason]:
    if "pay" not in case.asks:
        return
    for watched in case.named:
        if scam_stage.prepaid(watched):
            what = f"order {watched.order.title}"
            if scam_stage.asked(watched):
                yield case.open(Sign.CHARGED_TWICE, what)
            else:
                yield case.against(Sign.VAT_PREPAID, what)


def _operator(case: Case) -> Iterator[Reason]:
    speaker = case.speaker
    if speaker is None:
        yield case.open(Sign.OPERATOR_UNKNOWN)
        return
    if speaker not in case.holders:
        yield case.open(Sign.OPERATOR_OTHER, speaker.name, evidence=[speaker.evidence])
        return
    yield case.speaks_for(Sign.OPERATOR_KNOWN, speaker.name, evidence=[speaker.evidence])
    if not case.wants:
        return
    ways = set(speaker.asks_by) & ({case.message.by} if case.message.by else {"sms", "email"})
    if "address" in case.asks or not speaker.asks_by or not case.asks:
        yield case.open(Sign.HABIT_UNKNOWN, speaker.name, evidence=[speaker.evidence])
    elif ways:
        yield case.speaks_for(Sign.ASKS_SO, *sorted(ways), evidence=[speaker.evidence])
    else:
        yield case.against(Sign.ASKS_OTHERWISE, *speaker.asks_by, evidence=[speaker.evidence])


def _wanted(case: Case) -> Iterator[Reason]:
    """Judge the wordings of what no operator asks for."""
    for kind, sign in _NEVER_ASKED.items():
        hits = case.words.of(kind)
        plain = [h for h in hits if not h.warned and not h.broken]
        if plain:
            yield case.against(sign, *_seen(plain), evidence=_where(plain))
        elif hits:
            broken = any(h.broken for h in hits)
            yield case.open(
                Sign.HIDDEN_WORDS if broken else Sign.WARNING_WORDS, *_seen(hits), evidence=_where(hits)
            )
    for kind, sign in (("identity", Sign.IDENTITY), ("call", Sign.CALL)):
        if hits := case.words.of(kind):
            yield case.open(sign, *_seen(hits), evidence=_where(hits))
    if hits := case.words.of("qr"):
        yield (case.against if case.wants else case.open)(Sign.QR, *_seen(hits), evidence=_where(hits))
    if hits := case.words.of("redelivery"):
        yield (case.against if "pay" in case.asks else case.open)(
            Sign.REDELIVERY_FEE, *_seen(hits), evidence=_where(hits)
        )


def _pressure(case: Case) -> Iterator[Reason]:
    """Judge haste, threats and the size of the sum."""
    hurry, threat = case.words.of("hurry"), case.words.of("threat")
    soon = [h for h in hurry if re.search(r"\d", h.seen) or not h.entry.words[0].startswith(_HOURS)]
    if soon and threat and case.wants:
        yield case.against(Sign.THREAT, *_seen(soon), *_seen(threat), evidence=_where([*soon, *threat]))
    elif soon and case.wants:
        yield case.open(Sign.HURRY, *_seen(soon), evidence=_where(soon))
    if "pay" not in case.asks:
        return
    sums = [(amount, currency) for amount, currency in wording.sums(case.whole) if amount > 0]
    tiny = [f"{a} {c}" for a, c in sums if a <= case.signs.tiny.get(c, 0)]
    if tiny and soon and len(tiny) == len(sums):
        yield case.against(Sign.TINY_FEE, *tiny, *_seen(soon), evidence=_where(soon))
    fee = case.speaker.fee_low if case.speaker else None
    if fee and case.speaker and sums and all(c == fee.currency and a < fee.amount for a, c in sums):
        own = f"{case.speaker.name} {fee.amount} {fee.currency}"
        yield case.against(
            Sign.BELOW_FEE, *(f"{a} {c}" for a, c in sums), own, evidence=[case.speaker.evidence]
        )


# "hours" alone says nothing: "opening hours".
_HOURS: Final = ("hours", "stunden", "heures", "horas", "ore", "uur", "godzin", "hodin", "timmar", "timer")


def _readable(case: Case) -> Iterator[Reason]:
    words = case.words
    if words.mixed:
        yield case.against(Sign.MIXED_LETTERS, *words.mixed)
    if words.disguised:
        yield case.open(Sign.HIDDEN_WORDS, *words.disguised)
    if words.unread:
        yield case.open(Sign.UNREAD, *(sentence[:60] for sentence in words.unread[:2]))


def _seen(hits: Sequence[Hit]) -> list[str]:
    return [hit.seen for hit in hits[:3]]


def _where(hits: Sequence[Hit]) -> list[Evidence]:
    return [
        Evidence("words", f"{hit.entry.lang} {hit.entry.kind}: {hit.seen}", hit.entry.where)
        for hit in hits[:3]
    ]


def _reports(case: Case) -> tuple[Report, ...]:
    """Return where to report: by the operator it speaks for, then by the countries of the parcels in question."""
    countries = {w.order.destination for w in (case.named or case.watched)}
    if case.speaker and case.speaker.country:
        countries.add(case.speaker.country)
    mine = case.speaker.id if case.speaker else ""
    by_operator = [r for r in case.signs.reports if r.operator and r.operator == mine]
    return (*by_operator, *(r for r in case.signs.reports if r.country in countries))


_CHECKS: Final[tuple[Callable[[Case], Iterator[Reason]], ...]] = (
    _parcels,
    _prepaid,
    _operator,
    scam_ways.of_links,
    scam_ways.of_sender,
    scam_ways.of_contacts,
    scam_ways.of_numbers,
    _wanted,
    _pressure,
    scam_ways.of_parts,
    _readable,
)
