"""What is kept of a parcel comes back as it was."""

import json
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.stories.score import Watch, read
from workers import memory
from workers.core.model import Evidence, Reading, Seen, Sighting, Snapshot, Stage, Told
from workers.core.timeline import CAP
from workers.errors import OfNewer, Permanent

AWARE = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- hypothesis wants naive bounds
MAYBE = st.none() | AWARE
SEEN = st.builds(
    Seen,
    sighting=st.builds(Sighting, at=MAYBE),
    reading=st.builds(Reading, evidence=st.lists(st.builds(Evidence), max_size=2).map(tuple)),
    said=st.none() | st.builds(Reading),
    first_seen=AWARE,
)
SNAPSHOTS = st.builds(
    Snapshot,
    timeline=st.lists(SEEN, max_size=3).map(tuple),
    since=MAYBE,
    first_look=MAYBE,
    last_news=MAYBE,
    in_customs_since=MAYBE,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(SNAPSHOTS)
def test_a_snapshot_comes_back_as_it_was(snapshot: Snapshot) -> None:
    assert memory.load(memory.dump(snapshot)) == snapshot


@settings(max_examples=60, deadline=None)
@given(st.builds(Told, at=MAYBE))
def test_what_was_told_comes_back_as_it_was(told: Told) -> None:
    assert memory.load_told(memory.dump_told(told)) == told


def test_nothing_comes_back_as_the_beginning() -> None:
    assert memory.load(None) == memory.load(b"") == Snapshot()
    assert memory.load_told(None) == Told()


def test_fields_of_a_later_version_are_ignored_and_missing_ones_are_at_their_defaults() -> None:
    data = json.loads(zlib.decompress(memory.dump(Snapshot(stage=Stage.HELD))))
    data["snapshot"]["weather"] = {"rain": True}
    data["moon"] = 1
    del data["snapshot"]["charges"]
    assert memory.load(json.dumps(data).encode()) == Snapshot(stage=Stage.HELD)
    assert memory.load(zlib.compress(json.dumps(data).encode())) == Snapshot(stage=Stage.HELD)


def test_a_newer_format_is_refused_with_a_sentence() -> None:
    with pytest.raises(OfNewer, match=r"version 2.*reads up to 1.*newer customs-watch"):
        memory.load(b'{"v":2,"snapshot":{}}')


@pytest.mark.parametrize(
    "data",
    [b"{", b"[]", b'{"v":1}', b'{"v":1,"snapshot":{"stage":"no such stage"}}', b"\xff", b"x\x01nonsense"],
)
def test_what_cannot_be_read_is_a_sentence_and_no_traceback(data: bytes) -> None:
    with pytest.raises(Permanent, match="cannot be read"):
        memory.load(data)


def test_the_timeline_is_capped_and_customs_stay() -> None:
    seen = Seen(
        Sighting("a", "Scan", datetime(2026, 1, 1, tzinfo=UTC)),
        Reading(Stage.IN_TRANSIT),
        datetime(2026, 1, 1, tzinfo=UTC),
    )
    many = [replace(seen, sighting=replace(seen.sighting, text=f"Scan {n}")) for n in range(CAP * 2)]
    many[20] = replace(seen, reading=Reading(Stage.HELD))
    kept = memory.load(memory.dump(Snapshot(timeline=tuple(many)))).timeline
    assert len(kept) == CAP
    assert any(s.reading.stage is Stage.HELD for s in kept)


def test_a_parcel_watched_through_its_memory_moves_as_one_that_is_not() -> None:
    score = """
        1d 08:00 | CN | in_transit | Picked up | .
        2d 08:00 | CN | released | Customs released | .
        8d 08:00 | DE | held causes=missing_documents | Held | .
        9d 08:00 | DE | released | Released | .
    """
    plain, kept = Watch(), Watch()
    shown = []
    for line in read(score):
        shown.append(line.event)
        a = plain.look(shown)
        b = kept.look(shown)
        kept.snapshot = memory.load(memory.dump(kept.snapshot))
        assert a == b
        assert kept.snapshot == plain.snapshot
    assert kept.now - timedelta(hours=1) == shown[-1][0].at
