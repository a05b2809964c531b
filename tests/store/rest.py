"""Rules of the store's state machine for what lies beside parcels and notices: secrets, chores, pushes, addresses, the hold, sums.

Each has a model of a few lines, here; those that touch notices use the machine's own (``model.py``).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.servers.rows import NOW
from tests.store.model import OPEN

if TYPE_CHECKING:
    from tests.store.model import Model
    from workers.store import Store

HOUR, DAYS = timedelta(hours=1), timedelta(days=2)
names = st.sampled_from(("x", "y"))
SHOWN = ("pending", "sending", "held", "failed")  # the states that the gauges count


@dataclass
class Secret:
    """One value of the vault."""

    version: int = 0
    value: bytes = b""
    leased: bool = False


@dataclass
class Rest:
    """What the store should hold beside parcels and notices."""

    secrets: dict[str, Secret] = field(default_factory=dict)
    chores: dict[str, dict[str, bool]] = field(default_factory=dict)  # source → chore → due
    pushes: dict[str, str] = field(default_factory=dict)
    aside: dict[tuple[str, str], str] = field(default_factory=dict)


class Beside(RuleBasedStateMachine):
    """The rules; the machine that takes them in has the store, the model and ``claim_notice``."""

    store: Store
    model: Model

    @property
    def rest(self) -> Rest:
        if not hasattr(self, "_rest"):
            self._rest = Rest()
        return self._rest

    # -- secrets that rotate -----------------------------------------------------------------------------------

    @rule(name=names, late=st.booleans())
    def begin_a_secret(self, name: str, late: bool) -> None:
        mine = self.rest.secrets.setdefault(name, Secret())
        wanted = not late and not mine.leased
        assert self.store.vault.begin(name, mine.version + late, lease=HOUR) is wanted
        mine.leased = mine.leased or wanted

    @rule(name=names, late=st.booleans(), value=st.binary(max_size=4))
    def put_a_secret(self, name: str, late: bool, value: bytes) -> None:
        mine = self.rest.secrets.setdefault(name, Secret())
        assert self.store.vault.put(name, mine.version + late, value) is not late
        if not late:
            self.rest.secrets[name] = Secret(mine.version + 1, value)
        kept = self.rest.secrets[name]
        assert self.store.vault.read(name) == (kept.value, kept.version)

    # -- chores ------------------------------------------------------------------------------------------------

    @rule(source=names, chore=names, later=st.booleans())
    def owe_a_chore(self, source: str, chore: str, later: bool) -> None:
        self.store.chores.add(source, [chore], after=HOUR if later else NOW)
        mine = self.rest.chores.setdefault(source, {})
        mine[chore] = mine.get(chore, False) or not later

    @rule(source=names, ends=st.sampled_from(("done", "put off", "forget", "")))
    def do_chores(self, source: str, ends: str) -> None:
        mine = self.rest.chores.setdefault(source, {})
        assert self.store.chores.due(source) == sum(mine.values())
        got = self.store.chores.claim(source, 9, lease=HOUR)
        assert set(got) == {chore for chore, due in mine.items() if due}
        mine.update(dict.fromkeys(got, False))
        if ends == "done":
            self.store.chores.done(source, got)
            for chore in got:
                del mine[chore]
        elif ends == "put off":
            self.store.chores.put_off(source, [*got, "never owed"], after=NOW)
            mine.update(dict.fromkeys(got, True))
        elif ends == "forget":
            self.store.chores.forget(source)
            mine.clear()
        assert self.store.chores.due(source) == sum(mine.values())

    # -- pushes and replies --------------------------------------------------------------------------------------

    @rule(
        digest=names, what=st.sampled_from(("push", "reply")), ends=st.sampled_from(("done", "dropped", ""))
    )
    def take_in_a_push(self, digest: str, what: Any, ends: str) -> None:
        counted = "push_replays" if what == "push" else "reply_replays"
        before = self.store.counts().get(counted, 0)
        state = self.rest.pushes.get(digest, "new")
        assert self.store.push_begins(digest, lease=HOUR, what=what) == state
        assert self.store.counts().get(counted, 0) == before + (state == "seen")
        if state == "new":
            self.rest.pushes[digest] = "busy"
        if ends == "done" and state != "seen":
            self.store.push_done(digest, ttl=HOUR, what=what)
            self.rest.pushes[digest] = "seen"
        elif ends == "dropped" and state != "seen":
            self.store.push_dropped(digest)
            del self.rest.pushes[digest]

    # -- addresses ---------------------------------------------------------------------------------------------

    @rule(person=names, mark=names)
    def set_aside(self, person: str, mark: str) -> None:
        known = self.rest.aside.get(("mail", person))
        assert self.store.set_aside("mail", person, mark, error="550") is (known != mark)
        self.rest.aside["mail", person] = mark

    @rule(person=names)
    def take_back(self, person: str) -> None:
        known = self.rest.aside.pop(("mail", person), None)
        assert self.store.take_back("mail", person) is (known is not None)

    # -- the hold ----------------------------------------------------------------------------------------------

    @rule(channel=st.sampled_from(("mail", "sms")), skips=st.booleans(), twice=st.booleans())
    def nothing_goes_out_while_the_ledger_is_held(self, channel: str, skips: bool, twice: bool) -> None:
        assert self.store.hold("set back", by="w")
        assert self.store.hold("again", by="w2") is False
        assert self.store.ledger().hold == "set back"
        assert self.store.claim_notice(channel, lease=HOUR, worker="w") is None
        before = self.store.ledger().id
        went = [row for row in self.model.rows.values() if row.state in OPEN] if skips else []
        assert self.store.lift_hold(skip_owed=skips) == len(went)
        assert self.store.ledger().id != before
        for row in went:
            self.model.skip(row)
        if twice:
            assert self.store.lift_hold(skip_owed=False) == 0

    # -- sums --------------------------------------------------------------------------------------------------

    @rule(
        parcel=st.sampled_from(("o1/A", "o2/C")),
        channel=st.sampled_from(("mail", "sms")),
        person=st.sampled_from(("anna", "ben")),
    )
    def ask_what_was_sent_lately(self, parcel: str, channel: str, person: str) -> None:
        ago, sent = self.store.lately(parcel, channel, person, within=DAYS)
        mine = [
            row
            for row in self.model.rows.values()
            if (row.parcel, row.channel, row.recipient) == (parcel, channel, person)
        ]
        assert sent == len(self.model.out.get((channel, person), ()))
        assert (ago is not None) == any(row.state == "sent" for row in mine)

    @rule(state=st.sampled_from(("sent", "skipped", "expired")))
    def words_of_old_notices_go(self, state: str) -> None:
        before = {row.id: (row.state, row.context) for row in self.store.notices()}
        looked = self.store.prune_words(state, older=NOW)
        after = {row.id: row.context for row in self.store.notices()}
        assert set(after) == set(before)
        lost = {name for name, context in after.items() if context != before[name][1]}
        assert all(before[name][0] == state and after[name] == b"" for name in lost)
        assert len(lost) <= looked <= sum(was == state for was, _ in before.values())
        for name in lost:
            self.model.rows[name].words = False

    @invariant()
    def what_is_counted_is_what_there_is(self) -> None:
        if not hasattr(self, "store"):
            return
        shown = self.store.gauges()
        mine = Counter((row.state, row.channel) for row in self.model.rows.values() if row.state in SHOWN)
        assert shown.open == dict(mine)
        assert shown.ended == dict(self.model.ended)
        aside = {(one.channel, one.recipient): one.mark for one in self.store.all_aside()}
        assert aside == self.rest.aside
