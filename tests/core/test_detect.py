"""What must hold for any history: no order, repetition or splitting of a look makes news of what is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.stories.score import START, Watch, read
from workers import memory
from workers.core.detect import detect, story
from workers.core.model import Charges, Reading, Side, Sighting, Snapshot, Stage, TimeQuality
from workers.core.moves import RULES
from workers.core.timeline import merge

NOW = START + timedelta(days=40)
Look = list[tuple[Sighting, Reading]]

COUNTRIES = st.sampled_from(["", "CN", "AE", "NL", "DE"])
READINGS = st.builds(
    Reading,
    stage=st.sampled_from(Stage),
    side=st.none() | st.none() | st.sampled_from(Side),
    charges=st.sampled_from(Charges),
)


@st.composite
def exact_histories(draw: st.DrawFn) -> Look:
    """Events at different exact minutes; what words say does not depend on where they stand."""
    minutes = draw(st.lists(st.integers(0, 20 * 24 * 60), min_size=1, max_size=12, unique=True))
    out = []
    for minute in sorted(minutes):
        reading, country = draw(READINGS), draw(COUNTRIES)
        text = f"{reading.stage.value} {reading.side} {reading.charges}"
        at = START + timedelta(minutes=minute)
        out.append((Sighting("a", text, at, TimeQuality.EXACT, country=country), reading))
    return out


def look(before: Snapshot, events: Look, *, now: int = 0, source: str = "a") -> tuple[Snapshot, object]:
    return detect(
        before, events, origin="CN", destination="DE", source=source, now=NOW + timedelta(hours=now)
    )


@settings(max_examples=150, deadline=None)
@given(events=exact_histories(), disorder=st.randoms(use_true_random=False))
def test_shuffling_and_repeating_a_look_changes_nothing(events: Look, disorder: object) -> None:
    plain, first = look(Snapshot(), events)
    mixed = events * 2
    disorder.shuffle(mixed)  # type: ignore[attr-defined]
    other, also_first = look(Snapshot(), mixed)
    assert other == plain
    assert also_first == first
    again, move = look(plain, mixed, now=1)
    assert move is None
    assert again == plain


@settings(max_examples=150, deadline=None)
@given(events=exact_histories(), disorder=st.randoms(use_true_random=False))
@example(events=[], disorder=None)
def test_watching_event_by_event_in_any_order_ends_where_one_look_does(
    events: Look, disorder: object
) -> None:
    if not events:
        return
    once, _ = look(Snapshot(), events)
    shown: Look = []
    live = Snapshot()
    order = list(events)
    disorder.shuffle(order)  # type: ignore[attr-defined]
    for place, event in enumerate(order):
        shown.append(event)
        live, move = look(live, shown, now=place)
        assert move is None or move.after is live.stage
    facts = ("stage", "side", "charges", "causes", "addressee", "past_customs")
    for fact in facts:
        assert getattr(live, fact) == getattr(once, fact), fact


@settings(max_examples=80, deadline=None)
@given(events=exact_histories())
def test_moves_are_a_chain_and_occurrences_never_fall_nor_repeat(events: Look) -> None:
    snapshot = Snapshot()
    entered: set[tuple[Stage, int]] = set()
    for place in range(len(events)):
        before = snapshot
        snapshot, move = look(before, events[: place + 1], now=place)
        for stage, count in before.occurrences.items():
            assert snapshot.occurrences[stage] >= count
        if move is None:
            continue
        assert move.before is before.stage  # type: ignore[attr-defined]
        assert (move.after, move.occurrence) not in entered  # type: ignore[attr-defined]
        assert move.occurrence == snapshot.occurrence == snapshot.occurrences[snapshot.stage.value]  # type: ignore[attr-defined]
        entered.add((move.after, move.occurrence))  # type: ignore[attr-defined]
        assert move.proof in snapshot.timeline  # type: ignore[attr-defined]


@settings(max_examples=80, deadline=None)
@given(events=exact_histories(), data=st.data())
def test_losing_events_moves_nothing(events: Look, data: st.DataObject) -> None:
    known, _ = look(Snapshot(), events)
    fewer = data.draw(st.lists(st.sampled_from(events), max_size=len(events)))
    after, move = look(known, fewer, now=1)
    assert move is None
    assert after.stage is known.stage
    assert after.last_news == known.last_news


@settings(max_examples=80, deadline=None)
@given(events=exact_histories())
def test_the_same_history_from_a_second_source_moves_nothing(events: Look) -> None:
    known, _ = look(Snapshot(), events)
    other = [(replace(s, source="b"), r) for s, r in events]
    after, move = look(known, other, now=1, source="b")
    assert move is None
    assert len(after.timeline) == len(known.timeline)
    assert all(seen.witnesses == ("a", "b") for seen in after.timeline)


@settings(max_examples=80, deadline=None)
@given(events=exact_histories())
def test_a_snapshot_lives_through_its_memory(events: Look) -> None:
    known, _ = look(Snapshot(), events)
    assert memory.load(memory.dump(known)) == known
    assert look(memory.load(memory.dump(known)), events, now=1) == (known, None)


@st.composite
def doubtful_histories(draw: st.DrawFn) -> Look:
    """Anything at all: undated, naive, in the future, with the same minute twice."""
    out = []
    for _ in range(draw(st.integers(1, 10))):
        at = draw(st.none() | st.integers(-40, 24 * 60).map(lambda hours: START + timedelta(hours=hours)))
        quality = draw(st.sampled_from(TimeQuality)) if at else TimeQuality.UNKNOWN
        text = draw(st.sampled_from(["Customs update", "Scan", "", "海关", "Held by customs"]))
        out.append((Sighting("a", text, at, quality, country=draw(COUNTRIES)), draw(READINGS)))
    return out


@settings(max_examples=150, deadline=None)
@given(events=doubtful_histories())
def test_whatever_a_source_shows_the_same_list_again_moves_nothing(events: Look) -> None:
    known, _ = look(Snapshot(), events)
    after, move = look(known, events, now=1)
    assert move is None
    assert [s.sighting for s in after.timeline] == [s.sighting for s in known.timeline]
    assert after.stage is known.stage
    assert len(story(after.timeline, origin="CN", destination="DE", now=NOW)) == len(after.timeline)


def test_doubtful_clocks_shown_again_keep_the_order_they_were_given() -> None:
    """Four events whose clocks contradict their list: laid out anew at every look, they changed places."""
    day = timedelta(days=1)
    shown = [
        ("Scan", START + timedelta(hours=1), TimeQuality.DAY, Stage.EXPORT_CUSTOMS),
        ("Customs update", START - 2 * day + timedelta(hours=8), TimeQuality.UNKNOWN, Stage.EXPORT_CUSTOMS),
        ("Scan", START, TimeQuality.EXACT, Stage.IN_TRANSIT),
        ("Customs update", START, TimeQuality.EXACT, Stage.EXPORT_CUSTOMS),
    ]
    events = [(Sighting("a", text, at, quality), Reading(stage)) for text, at, quality, stage in shown]
    known, _ = look(Snapshot(), events)
    after, move = look(known, events, now=1)
    assert move is None
    assert [s.sighting for s in after.timeline] == [s.sighting for s in known.timeline]


def test_every_rule_decides_somewhere_in_the_stories() -> None:
    """A rule that no story needs is a rule that nobody would miss."""
    from tests.stories.test_scores import ROADS, SCORES

    used = set()
    extra = (
        "1d 08:00 | DE | released | Released | .\nb;1d 14:00? | DE | import_customs | Presented to customs | .",
        "1d 08:00 | CN | export_customs | Export customs | .\nb;1d 14:00? | CN | in_transit | Departed | .",
        """
            1d 08:00 | AE | transit_customs | Transit customs | .
            2d 08:00 | DE | arrived_destination | Arrived | .
            3d 08:00 |    | transit_customs | Transit customs again | .
        """,
    )
    for name, score in [*SCORES.items(), *((str(n), text) for n, text in enumerate(extra))]:
        watch = Watch(*ROADS.get(name, ("CN", "DE")))
        watch.at_once(read(score))
        steps = story(
            watch.snapshot.timeline, origin=watch.origin, destination=watch.destination, now=watch.now
        )
        used |= {step.rule for step in steps}
    assert {rule.__name__ for rule in RULES} - used == set()


def test_no_news_can_be_told_from_news() -> None:
    """Negative control of the properties: a later event of another stage is a move."""
    lines = read(
        "1d 08:00 | DE | import_customs | In customs | .\n2d 08:00 | DE | held | Held by customs | ."
    )
    known, _ = look(Snapshot(), [lines[0].event])
    after, move = look(known, [line.event for line in lines], now=1)
    assert move is not None
    assert after != known
    assert merge(known.timeline, [line.event for line in lines], source="a", now=NOW)[1]
