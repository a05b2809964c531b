"""Read AliExpress' own e-mails in the buyer's mailbox over IMAP: without a key. Believes only what is proved, touches nothing.

A mail counts where the user's provider vouches for its sender (``_mail_trust``); any other is counted, shown by ``status``, and
says nothing of any parcel. Carriers' mails about charges count as hints: that there is one, never what it says. Mails are not
marked, moved or deleted unless ``after_reading`` says so. A mailbox that cannot be read is an error, never "no news".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import structlog
import xxhash

from workers import loading, resources
from workers.core.model import Sighting, TimeQuality
from workers.errors import Temporary
from workers.mailbox.box import Box, Mail, opened
from workers.mailbox.letter import LARGEST, Letter, read
from workers.mailbox.trust import judged, sender_domain, within
from workers.sources import Ask, Found, NoNews, Noticed, Outcome
from workers.sources._fields import name as number_of
from workers.sources._fields import table, word
from workers.sources._mail_listen import listened
from workers.sources._mail_match import CARRIER, HINT, SHOP, memo, on_their_way, sightings
from workers.sources._mail_memory import Fact, Memory, Refusal, Said, load, save, since
from workers.sources._mail_settings import Settings
from workers.sources._mail_steps import hinted, known, told

log = structlog.get_logger("customs_watch")

TITLE = "AliExpress mails"
_AT_ONCE = 20  # mails
_BUDGET = timedelta(seconds=60)  # of one look: then it is read on in the next
_LIMIT = 80.0  # seconds of one connection; a claim of parcels lasts 90
_MAY_DIFFER = timedelta(days=2)  # what a mail says of its time, and when it arrived
_HINT_TEXT = "Hint: the carrier wrote an e-mail about money for the import. It is no scan; look at the carrier's own site."


def parse(payload: bytes | Mapping[str, Any], *, source: str) -> Mapping[str, Sequence[Sighting]]:
    """Return what a raw mail of the shop or a carrier says, by tracking number, or by ``order:<number>`` where it names none.

    Says nothing of whether to believe the mail. Raises Temporary for what is no mail of theirs.
    """
    if not isinstance(payload, bytes):
        raise Temporary("not a mail")
    letter = read(payload)
    sender = sender_domain(letter.headers)
    shop = sender in known().shop.senders
    if not sender or not (shop or any(within(sender, owner) for owner in _carriers(()))):
        raise Temporary("not a mail of the shop or of a carrier")
    orders, numbers, steps = _said(letter, shop=shop)
    out: dict[str, list[Sighting]] = {}
    for said in steps:
        named = (said.number,) if said.number else numbers
        orders = (said.order,) if said.order else orders
        for key in named or [f"order:{order}" for order in orders]:
            out.setdefault(key, []).append(_plain(said, letter.at, shop=shop, source=source))
    return out


def _plain(said: Said, at: datetime | None, *, shop: bool, source: str) -> Sighting:
    quality = TimeQuality.ASSUMED if at is not None else TimeQuality.UNKNOWN
    system = SHOP if shop else CARRIER
    return Sighting(source=source, text=said.text, at=at, quality=quality, system=system, code=said.code,
                    lang=said.lang, carrier="AliExpress" if shop else "")  # fmt: skip


def open(  # noqa: A001 - the contract of a source module names it so
    settings: Settings,
    *,
    name: str,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] | None = None,  # noqa: ARG001 -- the contract of a source module names it
) -> Mailbox:
    """Return the source; connects to nothing yet. A look is one connection, so it never uses *sleep*."""
    return Mailbox(settings, name=name, clock=clock)


class Mailbox:
    """The mailbox as a source. Safe to use from several threads; one of them talks to the server at a time."""

    def __init__(self, settings: Settings, *, name: str, clock: Callable[[], datetime]) -> None:
        self.name = name
        self.batch = settings.batch
        self.rate = settings.rate
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._providers = settings.providers()
        self._memory = settings.memory / f"{name}.json"

    def track(self, asks: Sequence[Ask]) -> Mapping[str, Outcome]:
        """Return what the mails say of each parcel; raises Temporary or Permanent where they cannot be read."""
        facts = since(self.read({ask.destination for ask in asks}).facts)
        return {ask.parcel: self._outcome(ask, facts) for ask in asks}

    def close(self) -> None:
        """Nothing is held open between looks."""

    def listen(self, on_news: Callable[[], None], stopped: Callable[[], bool]) -> None:
        """Call *on_news* whenever a mail of the shop has come, until *stopped*; returns at once if told not to."""
        if self._settings.listen:
            listened(
                self._settings.door(), list(known().shop.domains), on_news, stopped,
                every=self._settings.every, name=self.name, clock=self._clock,
            )  # fmt: skip

    def noticed(self) -> Sequence[Noticed]:
        """Return the orders that believed mails of the last month name and that have not arrived, the newest first."""
        month = self._clock() - timedelta(days=30)
        facts = since(self.read(None).facts)
        return on_their_way([fact for fact in facts if fact.at >= month], shop=known().shop.name)

    def remarks(self) -> Sequence[str]:
        """Return what a person should know of what was read; connects to nothing."""
        refused = sorted(load(self._memory).refused.values(), key=lambda each: each.at)
        if not refused:
            return ()
        last = refused[-1]
        many = len(refused) > 1
        said = f"{len(refused)} mail{'s' if many else ''} that name{'' if many else 's'} the shop or a carrier as sender "
        sender = last.sender or "nobody we can name"
        return (
            f"{said}{'were' if many else 'was'} not believed; the last came {last.at:%Y-%m-%d} from {sender}: {last.why}",
        )

    def forget(self, numbers: Collection[str]) -> None:
        """Keep nothing of what mails said of the parcels with these numbers; the mails stay where they are."""
        with self._lock:
            memory = load(self._memory)
            before = len(memory.facts)
            memory.forget({number_of(number) for number in numbers})
            if len(memory.facts) < before:
                save(self._memory, memory)

    def read(self, destinations: Collection[str] | None) -> Memory:
        """Read what has come since last time; return all that is known of the mailbox. None: the shop's mails alone."""
        with self._lock:
            memory, now = load(self._memory), self._clock()
            until = now + _BUDGET
            writable, limit = self._settings.after_reading != "leave", min(_LIMIT, 4 * self._settings.timeout)
            with opened(self._settings.door(), writable=writable, limit=limit) as box:
                memory.begin(box.validity)
                for sender, carrier in self._senders(destinations).items():
                    self._read_from(box, sender, carrier, memory, now, until)
            return memory

    def _read_from(
        self, box: Box, sender: str, carrier: str, memory: Memory, now: datetime, until: datetime
    ) -> None:
        oldest = (now - timedelta(days=self._settings.days)).date()
        uids = box.search(sender, since=oldest, after=memory.read.get(sender, 0))
        for start in range(0, len(uids), _AT_ONCE):
            some = uids[start : start + _AT_ONCE]
            heads = box.heads(some)
            believed = [head.uid for head in heads if self._believes(head, sender, carrier, memory, now)]
            for mail in box.mails(believed, largest=LARGEST):
                letter = read(mail.raw)
                at = _when(letter.at, mail.arrived, now)
                memory.facts.setdefault(letter.key, Fact(at, *_said(letter, shop=not carrier), carrier))
            memory.read[sender] = max(some)
            self._remember(memory, now)
            box.deal(believed, self._settings.after_reading)
            left = len(uids) - start - len(some)
            if left and self._clock() > until:
                said = f"the mailbox is being read for the first time; {left} mails are left"
                raise Temporary(said, after=timedelta(seconds=5))

    def _believes(self, head: Mail, sender: str, carrier: str, memory: Memory, now: datetime) -> bool:
        """Say whether a mail is to be read, by its headers; note one that is not to be believed."""
        letter = read(head.raw)
        trust = judged(letter.headers, owners=[sender], providers=self._providers)
        if not trust.owner and letter.key not in memory.refused:
            at = _when(letter.at, head.arrived, now)
            memory.refused[letter.key] = Refusal(at, word(trust.sender, 100), trust.why)
            log.warning("mail_not_believed", source=self.name, sender=word(trust.sender, 100), why=trust.why)
        return bool(trust.owner) and (bool(carrier) or trust.sender in known().shop.senders)

    def _remember(self, memory: Memory, now: datetime) -> None:
        memory.merge(load(self._memory))
        memory.trim(now, timedelta(days=self._settings.days + 30))
        save(self._memory, memory)

    def _senders(self, destinations: Collection[str] | None) -> dict[str, str]:
        """Return whose mails are looked for: domains, with the carrier's name, "" for the shop's."""
        wanted = self._settings.carriers and destinations is not None
        carriers = _carriers(tuple(sorted(destinations or ()))) if wanted else {}
        return {**dict.fromkeys(known().shop.domains, ""), **carriers}

    def _outcome(self, ask: Ask, facts: Sequence[Fact]) -> Outcome:
        seen = sightings(ask, facts, source=self.name)
        if not seen:
            return NoNews(ask.memo)
        return Found(xxhash.xxh3_128_hexdigest(repr(seen).encode()), lambda: seen, memo(seen))


def _when(written: datetime | None, arrived: datetime | None, now: datetime) -> datetime:
    """Return when a mail was sent: as it says, unless it arrived at another time."""
    if arrived is None:
        return min(written or now, now)
    return min(written if written and abs(written - arrived) <= _MAY_DIFFER else arrived, now)


def _said(letter: Letter, *, shop: bool) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Said, ...]]:
    """Return what is kept of a mail: orders, numbers, and what it says. Of a carrier's only that there is one."""
    if not shop:
        numbers = hinted(letter).numbers
        return (), numbers, (Said(HINT, _HINT_TEXT, "en"),) if numbers else ()
    found = told(letter)
    return (
        found.orders,
        found.numbers,
        tuple(Said(s.code, s.text, s.lang, s.order, s.number) for s in found.steps),
    )


@cache
def _carriers(destinations: tuple[str, ...]) -> Mapping[str, str]:
    """Return the domains of the operators that deliver in *destinations* (all, where none is named), with their names."""
    found: dict[str, str] = {}
    for path in sorted(resources.knowledge("operators").glob("*.yaml")):
        operator = table(loading.read(path).data)
        country = str(operator.get("country") or "")
        if operator.get("kind") in ("post", "courier") and (
            not destinations or country in ("", *destinations)
        ):
            found.update(dict.fromkeys(operator.get("domains") or (), str(operator.get("name") or "")))
    return found
