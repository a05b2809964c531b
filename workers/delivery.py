"""Send what is owed: claim a notice, put it into words, hand it to its channel, write down how that ended. Decides nothing.

A send that began is written down as ended even if the store has to be waited for: what is not written is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from workers import memory
from workers.addresses import Addresses
from workers.bars import mark
from workers.channels import Answerable, Asked, Channel, Envelope, Receipt, address
from workers.core.model import Message, NeedsYou, Why
from workers.core.owner import is_matter
from workers.core.seal import LEAVE, SEEN, seal
from workers.errors import (
    Barred,
    DeadAddress,
    LostLease,
    OfNewer,
    Permanent,
    StoreTrouble,
    Temporary,
    Uncertain,
)
from workers.house import House
from workers.lease import LONGEST_SEND, NOTICE_LEASE, held
from workers.owner import Owner
from workers.render.bundle import Kind
from workers.render.once import Once
from workers.render.stored import readable
from workers.saying import Saying
from workers.settings import Recipient, Settings
from workers.store import Notice, Store, notice_id
from workers.timetable import Timetable

log = structlog.get_logger("customs_watch")

RETRIES = tuple(timedelta(seconds=s) for s in (30, 120, 600, 1800, 3600, 7200, 14400))
AGAIN = timedelta(seconds=0.2)  # between tries to write down how a send ended, while the store is away
BUDGET = timedelta(seconds=30)  # of one call; the sweeper rings again
LINK_LASTS = timedelta(days=14)
PROBE = timedelta(minutes=15)  # between tries of a refused channel; providers lock out who asks too often
LEAVE_LASTS = timedelta(days=90)  # a mail is read late, and not to be left by then would be rude
PASSED_ON = "passed_on"  # why, of a notice that goes another way because nobody acknowledged it


class Delivery:
    """Takes notices from owed to sent. May be called by any number of threads and machines at once."""

    def __init__(
        self,
        *,
        house: Callable[[], House],
        store: Store,
        clock: Callable[[], datetime],
        wait: Callable[[timedelta], None],
        worker: str,
        addresses: Addresses,
        owner: Owner,
        leaving: Callable[[], bool] = lambda: False,
    ) -> None:
        self._house = house
        self._store = store
        self._clock = clock
        self._wait = wait
        self._worker = worker
        self._addresses = addresses
        self._owner = owner
        self._leaving = leaving
        self._timetable = Timetable(store, clock)
        self._saying = Saying(store=store, clock=clock)
        self._once = Once()
        self._secret = b""

    def notify(self, channel_name: str) -> int:
        """Send what is owed on the channel *channel_name* until nothing is due; return how many were tried."""
        until = self._clock() + BUDGET
        tried = 0
        while self._clock() < until and not self._leaving():
            account = self._mark(self._house().settings, channel_name)
            notice = self._store.claim_notice(
                channel_name, lease=NOTICE_LEASE, worker=self._worker, mark=account
            )
            if notice is None:
                break
            tried += 1
            try:
                self._send(self._house(), notice)
            except LostLease:
                log.warning("lease_lost", notice=notice.id, parcel=notice.parcel)
        return tried

    def _send(self, house: House, notice: Notice) -> None:
        """Bring one message, with all its notices, to an end: sent, put off, or why not."""
        channel = house.channels.get(notice.channel)
        recipient = house.settings.recipients.get(notice.recipient)
        left = [one for one in notice.all if not self._leaves(house, one, recipient, channel)]
        if not left or channel is None or recipient is None:
            return
        notice = replace(left[0], others=tuple(left[1:]))
        to = address(channel.form, email=recipient.email, phone=recipient.phone)
        if notice.previous == "sending" and channel.on_uncertain == "hold" and not channel.keyed:
            self._after_a_death(channel, recipient, to, notice)
            return
        if why_not := self._addresses.why_not(notice, channel, to):
            self._failed(left, why_not, passed_on=_pass_on(notice, recipient) is not None)
            return
        plan = self._timetable.plan(house.settings, notice, recipient)
        if plan.until is not None:
            self._timetable.wait(notice, plan)
            log.info("notice_waits", notice=notice.id, parcel=notice.parcel, reason=plan.reason)
            return
        said = self._in_words(house, notice, recipient, channel, woke=plan.woke)
        if said is not None:
            notice, message = said
            self._hand_over(house, channel, recipient, to, notice, message)

    def _after_a_death(self, channel: Channel, recipient: Recipient, to: str, notice: Notice) -> None:
        """Whoever held *notice* died in the middle of a send: it may have been accepted, and this channel must not double."""
        said = "a worker died while sending"
        if isinstance(channel, Asked) and channel.asks:
            try:
                with held(self._store, notice, self._clock):
                    receipt = channel.found(self._envelope(to, notice, leave=""))
            except Temporary as trouble:
                self._put_off(notice, recipient, trouble)
                return
            except Permanent as trouble:
                said = f"{said}; {trouble}"
            else:
                if receipt is not None:
                    self._sent(recipient, notice, receipt)
                    return
        ids, passed_on = [one.id for one in notice.all], _pass_on(notice, recipient)
        self._store.uncertain(ids, notice.token, error=said, then="hold", follow_up=passed_on)
        log.warning("notice_held", notice=notice.id, parcel=notice.parcel)

    def _leaves(
        self, house: House, notice: Notice, recipient: Recipient | None, channel: Channel | None
    ) -> bool:
        """End *notice* where it is no longer to be sent, and say so."""
        gone = _gone(house.settings, notice, recipient, channel)
        word = memory.load_word(notice.word)
        if not gone and word.silent(urgent=notice.urgent, now=self._clock()):
            gone = Why.MUTED.value
        try:
            if gone == Why.MUTED:
                self._timetable.take_back(notice, reason=gone)
            elif gone:
                self._store.skip(notice.id, notice.token, reason=gone)
            elif self._timetable.overtaken(notice):
                gone = "overtaken"
                self._timetable.take_back(notice, reason="overtaken by what is so now")
        except OfNewer as trouble:
            self._left([notice], trouble)
            return True
        if gone:
            log.info("notice_skipped", notice=notice.id, parcel=notice.parcel, reason=gone)
        return bool(gone)

    def _in_words(
        self, house: House, notice: Notice, recipient: Recipient, channel: Channel, *, woke: bool
    ) -> tuple[Notice, Message] | None:
        """Return the message and the notices it is of; one that cannot be put into words fails and stops no other."""
        told = {"lang": recipient.language, "timezone": recipient.timezone}
        linked = channel.form == "mail" and not notice.others  # never in an SMS, and it is of one notice
        answered = linked and isinstance(channel, Answerable) and channel.answers_every is not None
        good: list[tuple[Notice, dict[str, Any]]] = []
        single: Message | None = None
        for one in notice.all:
            try:
                context = dict(readable(msgspec.json.decode(one.context)))
                context["leads"] = [*context.get("leads", ()), *(["woke"] if woke else [])]
                context["seen_link"] = self._seen_link(house.settings, one, recipient) if linked else ""
                context["answered"] = answered
                single = self._once.render(house.renderer, context, **told)
            except OfNewer as trouble:
                self._left([one], trouble)
            except Permanent as trouble:
                self._failed([one], str(trouble))
            else:
                good.append((one, context))
        self._tell_of_words(house)
        if not good or single is None:
            return None
        rest = replace(good[0][0], others=tuple(one for one, _ in good[1:]))
        if len(good) == 1:
            return rest, self._saying.enclosed(house, rest, good[0][1], single, channel, recipient)
        return rest, house.renderer.bundle(_kind(notice), [context for _, context in good], **told)

    def _tell_of_words(self, house: House) -> None:
        """Tell the owner, once for each fault, of templates of theirs for which ours had to stand in."""
        for file, error in house.renderer.complaints():
            log.error("template_broken", file=file, error=error)
            self._owner.tell("words_broken", file, error[:200], {"file": file, "error": error})

    def _seen_link(self, settings: Settings, notice: Notice, recipient: Recipient) -> str:
        """Return the link by which a reader says that they know: only where it would be passed on, and we have an address."""
        web = settings.web
        if not (notice.urgent and recipient.escalation and web and web.public_url):
            return ""
        word = seal(self._house_secret(), SEEN, notice.id, notice.created + LINK_LASTS)
        return f"{web.public_url}/seen/{word}"

    def _leave_link(self, settings: Settings, notice: Notice, channel: Channel) -> str:
        """Return where a reader's mail program says that they want no more; "" where we cannot be reached."""
        if channel.form != "mail" or not (settings.web and settings.web.public_url):
            return ""
        word = seal(self._house_secret(), LEAVE, notice.id, notice.created + LEAVE_LASTS)
        return f"{settings.web.public_url}/leave/{word}"

    def _left(self, notices: Sequence[Notice], trouble: OfNewer) -> None:
        """Leave *notices* to whoever runs the newer version that wrote of them."""
        ids, token, said = [one.id for one in notices], notices[0].token, str(trouble)
        after = trouble.after or RETRIES[0]
        self._record(lambda: self._store.retry(ids, token, after=after, error=said))
        log.warning("notice_left", notice=ids[0], parcel=notices[0].parcel, error=said)

    def _failed(self, notices: Sequence[Notice], error: str, *, passed_on: bool = False) -> None:
        ids, token = [one.id for one in notices], notices[0].token
        now = timedelta(0) if passed_on else None  # nobody will see it this way: why wait?
        self._record(lambda: self._store.fail(ids, token, error=error, follow_up=now))
        for one in notices:
            log.error("notice_failed", notice=one.id, parcel=one.parcel, error=error)

    def _hand_over(
        self, house: House, channel: Channel, recipient: Recipient, to: str, notice: Notice, message: Message
    ) -> None:
        ids, token = [one.id for one in notice.all], notice.token
        passed_on = _pass_on(notice, recipient)
        try:
            with held(self._store, notice, self._clock):
                leave = self._leave_link(house.settings, notice, channel)
                receipt = channel.send(self._envelope(to, notice, leave), message)
        except Uncertain as trouble:
            then, said = channel.on_uncertain, str(trouble)
            self._record(
                lambda: self._store.uncertain(
                    ids, token, error=said, then=then, after=_backoff(notice), follow_up=passed_on
                )
            )
            log.warning("notice_uncertain", notice=notice.id, parcel=notice.parcel, then=then, error=said)
        except Temporary as trouble:
            self._put_off(notice, recipient, trouble)
        except Barred as trouble:
            self._barred(house.settings, recipient, notice, trouble)
        except Permanent as trouble:
            if isinstance(trouble, DeadAddress):
                watched = house.settings.parcels.get(notice.parcel)
                stand_ins = watched[0].tell if watched else ()
                dead = trouble
                self._record(
                    lambda: self._addresses.died(notice, channel, recipient, to, dead, stand_ins=stand_ins)
                )
            self._failed(notice.all, str(trouble), passed_on=passed_on is not None)
        else:
            self._sent(recipient, notice, receipt)

    def _barred(self, settings: Settings, recipient: Recipient, notice: Notice, trouble: Barred) -> None:
        """Nothing goes out this way until it is mended: what is owed there waits, and one of it is tried now and then."""
        channel, said = notice.channel, str(trouble)
        account = self._mark(settings, channel)
        self._record(lambda: self._store.bar(channel, account, error=said, after=PROBE))
        log.error("channel_barred", channel=channel, error=said)
        self._again(notice, recipient, said, wait=timedelta(0))

    def _mark(self, settings: Settings, channel: str) -> str:
        section = settings.channels.get(channel)
        return mark(section, self._house_secret()) if section is not None else ""

    def _put_off(self, notice: Notice, recipient: Recipient, trouble: Temporary) -> None:
        self._again(notice, recipient, str(trouble), wait=trouble.after or _backoff(notice))

    def _again(self, notice: Notice, recipient: Recipient, said: str, *, wait: timedelta) -> None:
        ids = [one.id for one in notice.all]
        passed_on = _pass_on(notice, recipient)
        self._record(
            lambda: self._store.retry(ids, notice.token, after=wait, error=said, follow_up=passed_on)
        )
        log.warning("notice_retried", notice=notice.id, parcel=notice.parcel, error=said)

    def _sent(self, recipient: Recipient, notice: Notice, receipt: Receipt) -> None:
        ids, token, after = [one.id for one in notice.all], notice.token, _pass_on(notice, recipient)
        self._record(lambda: self._store.done(ids, token, reference=receipt.reference, follow_up=after))
        cost = {"parts": receipt.parts or None, "price": receipt.price or None}
        for one in notice.all:
            log.info(
                "notice_sent", notice=one.id, parcel=one.parcel, channel=one.channel, why=one.why,
                **{name: value for name, value in cost.items() if value},
            )  # fmt: skip

    def _envelope(self, to: str, notice: Notice, leave: str) -> Envelope:
        facts = {
            "parcel": notice.parcel, "stage": notice.stage, "topic": notice.topic, "why": notice.why,
            "made": notice.created.isoformat(timespec="seconds"),
        }  # fmt: skip
        about = notice.parcel
        if notice.others:  # of several parcels: a thread of its own, by what brought them together
            facts = {
                "parcels": " ".join(one.parcel for one in notice.all),
                "why": _kind(notice),
                "made": facts["made"],
            }
            about = f"{_kind(notice)} {notice.recipient}"
        alarm = _alarm(notice)
        return Envelope(
            notice=notice.message,
            to=to,
            thread=notice_id(self._house_secret(), about, *alarm, "", ""),
            leave=leave,
            attempt=notice.attempts,
            urgent=any(one.urgent for one in notice.all),
            doubt=any(one.uncertain for one in notice.all),
            facts=facts,
        )

    def _record(self, end: Callable[[], None]) -> None:
        """Write down how a send ended, however long the store is away: unwritten, it would pass for one that may have arrived."""
        until = self._clock() + LONGEST_SEND
        while True:
            try:
                end()
            except StoreTrouble as trouble:
                if self._clock() > until:
                    raise
                log.warning("end_not_recorded", error=str(trouble))
                self._wait(AGAIN)
            else:
                return

    def _house_secret(self) -> bytes:
        self._secret = self._secret or self._store.secret()
        return self._secret


def _gone(settings: Settings, notice: Notice, recipient: Recipient | None, channel: Channel | None) -> str:
    """Say why a notice is no longer to be sent; "" if it is."""
    if not is_matter(notice.parcel):  # else it is to the owner, or to whoever stands in
        watched = settings.parcels.get(notice.parcel)
        if watched is None:
            return "the order is no longer watched"
        if watched[0].muted:
            return Why.MUTED.value
        if notice.recipient not in watched[0].tell and notice.why != PASSED_ON:
            return "the recipient is no longer told of this order"
    if recipient is None:
        return "the recipient is no longer in the file"
    if channel is None or (notice.channel not in recipient.channels and notice.why != PASSED_ON):
        return "the recipient no longer uses this channel"
    return ""


def _pass_on(notice: Notice, recipient: Recipient) -> timedelta | None:
    """Return after how long an urgent notice that nobody acknowledged goes another way; None where it does not."""
    return recipient.escalation.after if recipient.escalation and notice.why != PASSED_ON else None


def _alarm(notice: Notice) -> tuple[str, int, str, str]:
    """Return what begins a thread: each stage in which something is asked of the reader has one, all calm news share one."""
    if notice.others or is_matter(notice.parcel):
        return "", 0, "thread", ""
    needs = msgspec.json.decode(notice.context, type=_Needs).needs_you
    if needs != NeedsYou.YES:
        return "", 0, "thread", ""
    return notice.stage, notice.occurrence, "thread", notice.topic


class _Needs(msgspec.Struct):
    needs_you: str = ""


def _kind(notice: Notice) -> Kind:
    """Return what brought the notices of one message together."""
    return {"digest": "digest", "cap": "capped"}.get(notice.waited, "together")  # type: ignore[return-value]  # of Kind


def _backoff(notice: Notice) -> timedelta:
    return RETRIES[min(notice.attempts, len(RETRIES)) - 1]
