"""What comes after a send: pass on what nobody acknowledged, tell the owner what reached nobody. Sends nothing itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import groupby

import msgspec
import structlog

from workers import memory
from workers.core.judgement import URGENT_LIFE
from workers.core.owner import is_matter
from workers.delivery import PASSED_ON
from workers.house import House
from workers.owner import Owner
from workers.settings import Settings
from workers.store import NoticeRow, Owed, Store, notice_id

log = structlog.get_logger("customs_watch")

LEASE = timedelta(minutes=2)
AGAIN = timedelta(minutes=10)  # until the owner is told where a worker died, or there was no way to tell them
MOST = 200  # of one round; the sweeper rings again
KEPT = timedelta(days=30)  # a dead notice, after somebody saw it or was told of it
TELLING = (
    "notice_failed",
    "notices_failed",
    "address_dead",
)  # one that fails itself is not told of: status shows it


class Aftercare:
    """May be called by any number of threads and machines at once."""

    def __init__(
        self,
        *,
        house: Callable[[], House],
        store: Store,
        owner: Owner,
        clock: Callable[[], datetime],
        ring: Callable[[str, str], None],
    ) -> None:
        self._house = house
        self._store = store
        self._owner = owner
        self._clock = clock
        self._ring = ring
        self._secret = b""

    def attend(self) -> int:
        """Do what is due; return how many notices that concerned."""
        return self.pass_on() + self.tell_of_the_dead()

    # -- urgent, sent, and nobody said that they saw it --------------------------------------------------------

    def pass_on(self) -> int:
        """Owe each urgent notice that nobody acknowledged once more, another way."""
        taken = self._store.follow("esc", MOST, lease=LEASE)
        for name, _ in taken:
            row = self._store.notice(name)
            if row is not None:
                self._pass_on(self._house().settings, row)
            self._store.settled("esc", [name])
        return len(taken)

    def _pass_on(self, settings: Settings, row: NoticeRow) -> None:
        ways = self._ways(settings, row)
        if not ways or not self._still(settings, row):
            return
        context = msgspec.json.decode(row.context)
        context["leads"] = ["passed_on"]
        self._secret = self._secret or self._store.secret()
        owed = [
            Owed(
                id=notice_id(
                    self._secret, row.parcel, row.stage, row.occurrence, row.topic, f"{PASSED_ON} {row.created}", by, who
                ),
                channel=by,
                recipient=who,
                why=PASSED_ON,
                stage=row.stage,
                occurrence=row.occurrence,
                topic=row.topic,
                context=msgspec.json.encode(context),
                expires=URGENT_LIFE,
                urgent=True,
            )
            for who, by in ways
        ]  # fmt: skip
        new = self._store.owe(row.parcel, owed)
        log.info("passed_on", notice=row.id, parcel=row.parcel, notices=len(new))
        for channel in {one.channel for one in owed if one.id in new}:
            self._ring("notify", channel)

    def _ways(self, settings: Settings, row: NoticeRow) -> list[tuple[str, str]]:
        """Return to whom and by which channel *row* is passed on."""
        person = settings.recipients.get(row.recipient)
        if person is None or person.escalation is None:
            return []
        other = settings.recipients.get(person.escalation.to)
        if other is None:
            return []
        channels = [person.escalation.by] if person.escalation.by else list(other.channels)
        return [(other.name, by) for by in channels if (other.name, by) != (row.recipient, row.channel)]

    def _still(self, settings: Settings, row: NoticeRow) -> bool:
        """Say whether nobody has seen *row*, and it is so still."""
        watched = settings.parcels.get(row.parcel)
        if watched is None or watched[0].muted:
            return False
        word = memory.load_word(self._store.words([row.parcel]).get(row.parcel))
        if word.stopped or (word.seen is not None and row.changed is not None and word.seen >= row.created):
            return False
        known = self._store.recall(row.parcel)
        if known is None or not known.decision:
            return False
        decided = json.loads(known.decision)
        return bool(decided["urgent"]) and (decided["stage"], decided["occurrence"]) == (
            row.stage,
            row.occurrence,
        )

    # -- what reached nobody -----------------------------------------------------------------------------------

    def tell_of_the_dead(self) -> int:
        """Tell the owner once of what reached nobody, by another way than the one that failed: one message for each way."""
        self._store.prune(older=KEPT)
        settings = self._house().settings
        taken = self._store.follow("dead", MOST, lease=AGAIN)
        rows = [(batch, row) for name, batch in taken if (row := self._store.notice(name)) is not None]
        rows.sort(key=lambda one: (one[0], one[1].recipient, one[1].channel, one[1].id))
        for (batch, who, by), group in groupby(
            rows, key=lambda one: (one[0], one[1].recipient, one[1].channel)
        ):
            dead = [row for _, row in group]
            quiet = [row for row in dead if row.topic in TELLING or self._store.aside(by, who) is not None]
            told = [row for row in dead if row not in quiet]
            if not told or self._tell(settings, told, who, by, batch):
                self._store.settled("dead", [row.id for row in dead])
        return len(taken)

    def _tell(self, settings: Settings, dead: list[NoticeRow], who: str, by: str, batch: str) -> bool:
        """Owe the owner a word; False where nobody can be told."""
        watched = [settings.parcels[row.parcel] for row in dead if row.parcel in settings.parcels]
        stand_ins = {name: None for order, _ in watched for name in order.tell}
        one = dead[0]
        if len(dead) == 1:
            topic, about = "notice_failed", one.id
            order = settings.parcels.get(one.parcel)
            facts: dict[str, object] = {
                "recipient": who,
                "channel": by,
                "about": order[0].title if order else "",
                "number": order[1].number if order else one.parcel,
                "state": one.state,
                "error": one.error,
            }
        else:
            topic, about = "notices_failed", f"{batch}/{who}/{by}"
            facts = {
                "recipient": who,
                "channel": by,
                "count": len(dead),
                "titles": [_title(settings, row) for row in dead],
                "held": sum(row.state == "held" for row in dead),
                "error": next((row.error for row in reversed(dead) if row.error), ""),
            }
        owed = self._owner.tell(topic, about, batch, facts, avoid=(who, by), stand_ins=stand_ins)
        log.warning("dead_told", recipient=who, channel=by, notices=len(dead), owed=owed)
        return self._owner.reaches(avoid=(who, by), stand_ins=stand_ins)


def _title(settings: Settings, row: NoticeRow) -> str:
    watched = settings.parcels.get(row.parcel)
    return (
        watched[0].title if watched else row.parcel.removeprefix("@") if is_matter(row.parcel) else row.parcel
    )
