"""Hold what is due against its reader's habits and against what is so now: send, wait, or take back. Sends nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from workers import memory
from workers.core import timing
from workers.core.notices import unsaid
from workers.core.owner import is_matter
from workers.settings import Recipient, Settings
from workers.store import Notice, Store

TRIES = 5  # how often a told memory that somebody else changed in between is taken back anew


class Timetable:
    """When notices go. Safe to use from several threads."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    def plan(self, settings: Settings, notice: Notice, recipient: Recipient) -> timing.Plan:
        """Return when *notice*, and what goes with it, is to go out. One that may have gone out already waits for no more than
        the end of the night, and by itself: its message stays the same one.
        """
        doubt = notice.previous == "sending" or notice.uncertain
        if doubt and (notice.others or notice.message != notice.id):
            return timing.Plan()

        def lately(window: timedelta) -> tuple[timedelta | None, int]:
            return self._store.lately(notice.parcel, notice.channel, notice.recipient, within=window)

        due, habits = _due(settings, notice), recipient.habits
        if doubt:
            due = replace(due, siblings=1)  # it waits for no other
        if doubt or is_matter(notice.parcel):  # the owner's own are heard of one by one, but not at night
            habits = timing.Habits(quiet=habits.quiet)
        zone = ZoneInfo(recipient.timezone)
        plan = timing.plan(due, habits, lately, now=self._clock(), zone=zone)
        if plan.until is not None and plan.until - self._clock() < timedelta(seconds=1):
            return timing.Plan(woke=plan.woke)
        return replace(plan, bundle="") if doubt else plan

    def wait(self, notice: Notice, plan: timing.Plan) -> None:
        """Have *notice*, and what goes with it, come up again when the plan says."""
        assert plan.until is not None  # nosec B101 # noqa: S101 -- the caller asked
        bundle = f"{notice.channel}/{notice.recipient}/{plan.bundle}" if plan.bundle else ""
        self._store.wait(
            [one.id for one in notice.all],
            notice.token,
            after=plan.until - self._clock(),
            reason=plan.reason,
            bundle=bundle,
        )

    def overtaken(self, notice: Notice) -> bool:
        """Say whether the parcel was decided on otherwise while *notice* waited, and nothing newer was owed."""
        if is_matter(notice.parcel) or notice.freed or (not notice.waited and notice.attempts <= 1):
            return False
        if notice.previous == "sending" or notice.uncertain:
            return False  # it may have been read: what is begun is brought to its end
        known = self._store.recall(notice.parcel)
        if known is None or not known.decision:
            return False
        now, then = json.loads(known.decision), msgspec.json.decode(notice.context)
        same = now["stage"] == notice.stage and now["occurrence"] == notice.occurrence
        return not same or now["advice"] != then["advice"]

    def take_back(self, notice: Notice, *, reason: str) -> None:
        """Skip *notice* as if it had never been decided: what is still worth saying is decided, and owed, anew.

        Where another channel has said it already, it counts as told.
        """
        said = any(
            (row.stage, row.occurrence, row.topic) == (notice.stage, notice.occurrence, notice.topic)
            for row in self._store.notices(notice.parcel, states=("sent", "sending"))
            if row.id != notice.id
        )
        if not said:
            self._unsay(notice)
        self._store.unsay(notice.id, notice.token, reason=reason)

    def _unsay(self, notice: Notice) -> None:
        for _ in range(TRIES):
            known = self._store.recall(notice.parcel)
            if known is None:
                return
            told = memory.load_told(known.told)
            kept = unsaid(told, notice.topic, notice.stage, notice.occurrence)
            if kept == told:
                return
            if self._store.amend_told(notice.parcel, known.version, memory.dump_told(kept)):
                self._store.review_soon([notice.parcel])
                return


def _due(settings: Settings, notice: Notice) -> timing.Due:
    watched = settings.parcels.get(notice.parcel)
    context = msgspec.json.decode(notice.context)
    by = context.get("deadline") if context.get("needs_you") == "yes" else None
    return timing.Due(
        urgent=notice.urgent,
        waited=notice.waited,
        order=watched[0].id if watched else "",
        siblings=len(watched[0].parcels) if watched else 1,
        advice=str(context.get("advice", "")),
        needed_by=date.fromisoformat(by) if by else None,
        freed=notice.freed,
    )
