"""Laying looks into a timeline: what is the same event, what is news, and in which order events stand."""

from dataclasses import replace
from datetime import timedelta

from tests.stories.score import START, Watch, read, told
from workers.core.model import Reading, Sighting, Snapshot, Stage, TimeQuality
from workers.core.timeline import CAP, merge, trim

NOW = START + timedelta(days=60)


def events(score: str) -> list[tuple[Sighting, Reading]]:
    return [line.event for line in read(score)]


def merged(*looks: str, sources: tuple[str, ...] = ()) -> tuple[Snapshot, list[bool]]:
    timeline, news = (), []
    for place, look in enumerate(looks):
        source = sources[place] if sources else "a"
        timeline, new = merge(timeline, events(look), source=source, now=NOW + timedelta(hours=place))
        news.append(new)
    return Snapshot(timeline=timeline), news


def texts(snapshot: Snapshot) -> list[str]:
    return [seen.sighting.text for seen in snapshot.timeline]


def test_the_same_list_again_is_no_news() -> None:
    look = "1d 08:00 | CN | in_transit | Picked up | .\n2d 08:00 | CN | in_transit | Departed | ."
    known, news = merged(look, look)
    assert news == [True, False]
    assert len(known.timeline) == 2
    assert known.timeline[0].first_seen == NOW


def test_an_event_twice_in_one_list_is_one_sighting() -> None:
    row = "1d 08:00 | CN | in_transit | Picked up | ."
    known, _ = merged("\n".join([row, row.replace("Picked up", "PICKED  UP"), row]))
    assert len(known.timeline) == 1


def test_of_two_copies_the_one_with_the_country_is_kept() -> None:
    known, _ = merged("1d 08:00 | | in_transit | Picked up | .\n1d 08:00 | CN | in_transit | Picked up | .")
    assert known.timeline[0].sighting.country == "CN"


def test_the_same_words_at_another_time_are_another_event() -> None:
    known, news = merged(
        "1d 08:00 | DE | import_customs | Clearance updated | .",
        "1d 08:00 | DE | import_customs | Clearance updated | .\n1d 11:07 | DE | import_customs | Clearance updated | .",
    )
    assert len(known.timeline) == 2
    assert news == [True, True]


def test_edited_wording_of_the_same_meaning_is_no_news() -> None:
    known, news = merged(
        "1d 08:00 | DE | held place=X | Held by customs | .",
        "1d 08:00 | DE | held place=X | Held by customs: please contact the seller | .",
    )
    assert news == [True, False]
    assert texts(known) == ["Held by customs: please contact the seller"]
    assert known.timeline[0].first_seen == NOW


def test_edited_wording_that_says_something_else_is_news() -> None:
    known, news = merged(
        "1d 08:00 | RU | import_customs place=X | Transferred to customs | .",
        "1d 08:00 | RU | held place=X | Held / delay by customs | .",
    )
    assert news == [True, True]
    assert [seen.reading.stage for seen in known.timeline] == [Stage.HELD]


def test_wording_edited_into_something_unreadable_keeps_what_was_understood() -> None:
    known, news = merged(
        "1d 08:00 | DE | held place=X | Held by customs | .",
        "1d 08:00 | DE | unknown place=X | Hold customs xx | .",
    )
    assert known.timeline[0].reading.stage is Stage.HELD
    assert news == [True, False]


def test_a_wording_read_better_by_new_knowledge_is_read_anew() -> None:
    known, news = merged(
        "1d 08:00 | DE | unknown | Zollbeschau | .", "1d 08:00 | DE | inspection | Zollbeschau | ."
    )
    assert known.timeline[0].reading.stage is Stage.INSPECTION
    assert news == [True, True]


def test_a_vanished_event_is_kept_and_marked_and_comes_back_quietly() -> None:
    first = "1d 08:00 | CN | in_transit | Picked up | .\n3d 08:00 | DE | held | Held | ."
    less = "1d 08:00 | CN | in_transit | Picked up | ."
    known, news = merged(first, less)
    assert news == [True, False]
    assert [(s.sighting.text, s.vanished) for s in known.timeline] == [("Picked up", False), ("Held", True)]
    known, news = merged(first, less, first)
    assert news == [True, False, False]
    assert not any(seen.vanished for seen in known.timeline)


def test_an_empty_list_is_evidence_of_nothing() -> None:
    known, _ = merged("1d 08:00 | DE | held | Held | .")
    again, news = merge(known.timeline, [], source="a", now=NOW)
    assert again == known.timeline
    assert not news


def test_an_event_that_one_of_two_witnesses_drops_has_not_vanished() -> None:
    row = "1d 08:00 | DE | held | Held by customs | ."
    other = "1d 07:00 | DE | in_transit | At depot | ."
    known, _ = merged(f"{row}\n{other}", row.replace("1d", "b;1d"), other, sources=("a", "b", "a"))
    assert [(s.sighting.text, s.vanished) for s in known.timeline] == [
        ("At depot", False),
        ("Held by customs", False),
    ]


def test_two_sources_of_one_event_are_two_witnesses() -> None:
    known, news = merged(
        "3d 08:00 | DE | import_customs | Import clearance start | .",
        "b;3d 13:00? | DE | import_customs | Import customs clearance started, Carrier note: Import clearance start | .",
        sources=("a", "b"),
    )
    assert news == [True, False]
    assert known.timeline[0].witnesses == ("a", "b")
    assert known.timeline[0].sighting.quality is TimeQuality.EXACT


def test_the_witness_who_knows_the_time_better_corrects_it() -> None:
    known, _ = merged(
        "3d 13:00? | DE | import_customs | Import clearance start | .",
        "b;3d 08:00 | DE | import_customs | Import clearance start | .",
        sources=("a", "b"),
    )
    assert len(known.timeline) == 1
    assert known.timeline[0].sighting.at == START + timedelta(days=3, hours=8)
    again, news = merge(
        known.timeline,
        events("3d 13:00? | DE | import_customs | Import clearance start | ."),
        source="a",
        now=NOW,
    )
    assert not news
    assert len(again) == 1


def test_two_sources_a_day_apart_saw_two_events() -> None:
    known, news = merged(
        "3d 08:00 | DE | import_customs | Import clearance start | .",
        "b;4d 10:00? | DE | import_customs | Import clearance start | .",
        sources=("a", "b"),
    )
    assert news == [True, True]
    assert len(known.timeline) == 2


def test_plain_scans_of_two_sources_are_joined_by_their_words_only() -> None:
    known, _ = merged(
        "3d 08:00 | DE | in_transit | Arrived at sorting centre Leipzig | .",
        "b;3d 09:00 | DE | in_transit | Loaded on truck | .\nb;3d 10:00 | DE | in_transit | Arrived at sorting centre Leipzig | .",
        sources=("a", "b"),
    )
    assert texts(known) == ["Arrived at sorting centre Leipzig", "Loaded on truck"]


def test_a_whole_list_moved_by_a_corrected_zone_is_no_news() -> None:
    look = "1d 08:00? | CN | in_transit | Picked up | .\n3d 10:00? | DE | released | Customs released | ."
    moved = look.replace("08:00", "16:00").replace("10:00", "18:00")
    known, news = merged(look, moved)
    assert news == [True, False]
    assert len(known.timeline) == 2
    assert not any(seen.vanished for seen in known.timeline)
    assert known.timeline[0].sighting.at == START + timedelta(days=1, hours=16)


def test_the_list_is_believed_before_doubtful_clocks() -> None:
    known, _ = merged("""
        1d 20:00? | CN | in_transit | Departed Shanghai, local time | .
        1d 16:00? | DE | in_transit | Arrived Frankfurt, local time | .
        2d 09:00? | DE | import_customs | In customs | .
    """)
    assert texts(known) == [
        "Departed Shanghai, local time",
        "Arrived Frankfurt, local time",
        "In customs",
    ]


def test_a_doubtful_clock_ahead_of_an_exact_one_stands_where_the_list_says() -> None:
    known, _ = merged("""
        1d 20:00? | CN | in_transit | First, by a clock that is ahead | .
        1d 15:00 | DE | in_transit | Second, exact | .
    """)
    assert texts(known) == ["First, by a clock that is ahead", "Second, exact"]


def test_a_list_that_contradicts_exact_clocks_is_not_believed() -> None:
    known, _ = merged(
        "3d 08:00 | | in_transit | C | .\n1d 08:00 | | in_transit | A | .\n2d 08:00 | | in_transit | B | ."
    )
    assert texts(known) == ["A", "B", "C"]


def test_a_list_that_contradicts_even_doubtful_clocks_is_not_believed() -> None:
    known, _ = merged(
        "5d 08:00? | | in_transit | C | .\n1d 08:00? | | in_transit | A | .\n3d 08:00? | | in_transit | B | ."
    )
    assert texts(known) == ["A", "B", "C"]


def test_a_window_of_the_newest_events_does_not_swallow_a_repeated_wording() -> None:
    known, news = merged(
        "1d 08:00 | DE | import_customs | Clearance updated | .",
        "1d 10:07 | DE | import_customs | Clearance updated | .",
    )
    assert news == [True, True]
    assert [seen.vanished for seen in known.timeline] == [True, False]


def test_an_undated_event_keeps_its_place_in_the_list_over_later_looks() -> None:
    first = """
        1d 08:00 | CN | in_transit | Picked up | .
        -        |    | import_customs | Inbound into customs | .
        5d 08:00 | DE | in_transit | At depot | .
    """
    known, _ = merged(first, first + "6d 08:00 | DE | delivered | Delivered | .")
    assert texts(known) == ["Picked up", "Inbound into customs", "At depot", "Delivered"]


def test_wholly_undated_lists_grow_at_their_end_and_may_lose_their_beginning() -> None:
    rows = [f"- | | in_transit | Event {n} | ." for n in range(6)]
    known, _ = merged("\n".join(rows[:3]), "\n".join(rows[1:5]), rows[5])
    assert texts(known) == [f"Event {n}" for n in range(6)]


def test_a_time_in_the_future_is_no_time() -> None:
    known, _ = merged(
        "900d 08:00 | CN | in_transit | Clock set wrong | .\n1d 08:00 | DE | delivered | Delivered | ."
    )
    assert texts(known) == ["Clock set wrong", "Delivered"]


def test_events_of_one_minute_stand_in_the_order_of_the_way() -> None:
    known, _ = merged(
        "1d 08:00 | DE | released | Cleared | .\n1d 08:00 | DE | import_customs | In customs | ."
    )
    assert texts(known) == ["In customs", "Cleared"]


def test_a_full_timeline_keeps_customs_and_the_newest_and_does_not_call_the_dropped_news() -> None:
    rows = [f"{n // 24}d {n % 24:02}:00 | CN | in_transit | Scan {n} | ." for n in range(CAP + 40)]
    rows[10] = "0d 10:00 | CN | held | Held by customs | ."
    known, _ = merged("\n".join(rows))
    assert len(known.timeline) == CAP
    kept = texts(known)
    assert "Held by customs" in kept
    assert kept[:3] == ["Scan 0", "Scan 1", "Scan 2"]
    assert kept[-50:] == [f"Scan {n}" for n in range(CAP - 10, CAP + 40)]
    again, news = merge(known.timeline, events("\n".join(rows)), source="a", now=NOW + timedelta(days=1))
    assert not news
    assert len(again) == CAP


def test_trimming_a_short_timeline_changes_nothing() -> None:
    known, _ = merged("1d 08:00 | CN | in_transit | Picked up | .")
    assert trim(known.timeline) == known.timeline


def test_a_wave_of_events_is_read_in_bounded_time_and_kept_bounded() -> None:
    rows = "\n".join(f"{n // 24}d {n % 24:02}:00 | | in_transit | Scan {n} | ." for n in range(1200))
    one = [line.event for line in read(rows)]
    other = [(replace(s, source="b", text=s.text + " b"), r) for s, r in one]
    watch = Watch()
    watch.look(one)
    watch.look(other, "b")
    assert len(watch.snapshot.timeline) == CAP


def test_an_older_event_that_arrives_late_never_moves_the_stage_back() -> None:
    watch = Watch()
    lines = read("""
        1d 08:00 | DE | import_customs | In customs | .
        5d 08:00 | DE | out_for_delivery | Out for delivery | .
        3d 08:00 | DE | held | Held by customs | .
        4d 08:00 | DE | payment_due charges=due | Charges due | .
        2d 08:00 | DE | import_customs | In customs, second scan | .
    """)
    assert [moved for moved, _ in watch.live(lines)] == ["import_customs", "out_for_delivery", "", "", ""]
    assert watch.snapshot.charges.value == "due"  # but its facts are not lost


def test_a_late_event_may_tell_what_a_known_one_meant() -> None:
    watch = Watch()
    lines = read("""
        1d 08:00 |    | in_transit | Picked up | .
        4d 08:00 |    | import_customs | Customs clearance in progress | .
        3d 08:00 | DE | arrived_destination | Arrived in Germany | .
    """)
    assert [moved for moved, _ in watch.live(lines)] == ["in_transit", "export_customs", "import_customs"]


def test_a_shrinking_or_emptied_list_moves_nothing() -> None:
    watch = Watch()
    lines = read("1d 08:00 | DE | import_customs | In customs | .\n3d 08:00 | DE | held | Held | .")
    watch.live(lines)
    before = watch.snapshot
    assert watch.look([lines[0].event]) is None
    assert watch.snapshot.stage is Stage.HELD
    assert watch.look([]) is None
    assert watch.snapshot.stage is Stage.HELD
    assert watch.snapshot.last_news == before.last_news


def test_an_empty_first_look_leaves_the_first_look_to_come() -> None:
    watch = Watch()
    assert watch.look([]) is None
    assert watch.snapshot.first_look is None
    transition = watch.look([line.event for line in read("1d 08:00 | DE | held | Held | .")])
    assert transition is not None
    assert transition.first_look


def test_two_sources_out_of_step_do_not_reopen_a_delivery() -> None:
    watch = Watch()
    lines = read("""
        1d 08:00 | DE | out_for_delivery | Out for delivery | .
        1d 10:00 | DE | delivered | Delivered | .
        b;1d 15:00? | DE | out_for_delivery | Im Zustellfahrzeug | .
        b;1d 17:00? | DE | delivered | Zugestellt | .
    """)
    assert [moved for moved, _ in watch.live(lines)] == ["out_for_delivery", "delivered", "", ""]


def test_two_carriers_of_one_source_out_of_step_do_not_reopen_a_delivery() -> None:
    watch = Watch()
    score = """
        1d 10:00 | DE | delivered carrier=DHL | Delivered | .
        1d 15:00? | DE | in_transit carrier=ChinaPost | Handed to the next carrier | .
    """
    assert [moved for moved, _ in watch.live(read(score))] == ["delivered", ""]
    later = score + "3d 15:00? | DE | in_transit carrier=ChinaPost | At depot | ."
    assert told(watch.look([line.event for line in read(later)])) == "in_transit"


def test_two_sources_out_of_step_do_not_take_a_release_back() -> None:
    watch = Watch()
    lines = read("""
        1d 08:00 | DE | released | Import customs clearance complete | .
        b;1d 14:00? | DE | import_customs | Presented to import customs | .
    """)
    assert [moved for moved, _ in watch.live(lines)] == ["released", ""]


def test_an_edited_wording_of_the_event_that_decided_is_no_second_entry() -> None:
    watch = Watch()
    watch.look([line.event for line in read("1d 08:00 | DE | held place=X | Held by customs | .")])
    edited = read("1d 08:00 | DE | held place=X | Held by customs, contact the seller | .")
    assert watch.look([line.event for line in edited]) is None
    assert watch.snapshot.occurrence == 1


def test_left_and_entered_again_between_two_looks_is_a_second_entry() -> None:
    watch = Watch()
    known = "1d 08:00 | DE | held | Held by customs | .\n"
    watch.look([line.event for line in read(known)])
    later = known + "3d 08:00 | DE | released | Released | .\n9d 08:00 | DE | held | Held once more | ."
    assert told(watch.look([line.event for line in read(later)])) == "held #2"
