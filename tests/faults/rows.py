"""The faults this program is held against, and the tests that do it. ``python -m tests.faults.rows`` writes them into the docs.

Numbers and faults are those of the list that the design began with; a fault has at least one test, by file or by name in it.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
HEADING = "## The faults"


@dataclass(frozen=True)
class Row:
    number: int
    fault: str
    promise: str
    tests: tuple[str, ...]  # "file" (all of it), "file::test", or "make target" where it runs by itself


def row(number: int, fault: str, promise: str, *tests: str) -> Row:
    return Row(number, fault, promise, tests)


ROWS = (
    row(
        1, "kill -9 of worker, scheduler, web server or command before and after each of its scripts, and around the outside world",
        "every notice due arrives once or is visibly held; doubled only where that is known",
        "faults/test_points.py::test_whoever_dies_at_whatever_point_nothing_is_lost_and_what_is_doubled_is_known",
        "faults/test_end_to_end.py::test_parcels_move_through_customs_and_nothing_arrives_twice_though_every_worker_is_killed",
    ),
    row(
        2, "kill -9 of the server at the same points", "the same; a worker that lives on doubles nothing",
        "faults/test_points.py::test_whoever_dies_at_whatever_point_nothing_is_lost_and_what_is_doubled_is_known",
        "store/test_store_faults.py::test_what_was_acknowledged_survives_a_kill_between_commits",
    ),
    row(
        3, "random chaos, seeded", "all that is promised, counted in the journals of the world",
        "chaos/test_chaos.py::test_a_storm_loses_nothing_and_doubles_only_what_was_uncertain", "make chaos",
    ),
    row(
        4, "the naive design in the same storm", "it loses: the test can fail",
        "chaos/test_chaos.py::test_the_naive_design_loses_in_the_same_storm", "make chaos",
    ),
    row(5, "yesterday's version and today's on one store", "nothing lost or doubled", "faults/test_rolling_upgrade.py"),
    row(
        6, "server away for 1, 20 and 90 s while retries wait", "they go out within 15 s of being due and possible",
        "faults/test_processes.py::test_retries_that_wait_survive_a_server_that_is_away_for_a_moment_and_for_long",
    ),
    row(
        7, "the answer to a script is lost, for every script, and it is run again", "what stands is as after once",
        "faults/test_lost_answers.py",
    ),
    row(
        8, "server slow, loading, read-only, out of memory, busy, flushed, without a disk", "work stops in a sentence and goes on",
        "faults/test_server_faults.py", "store/test_store_faults.py",
    ),
    row(
        9, "worker stopped beyond its lease (SIGSTOP), then woken", "it ends nothing of another's, and leaves evidence",
        "faults/test_processes.py::test_a_worker_that_slept_through_its_lease_ends_nothing_of_anothers",
    ),
    row(
        10, "clocks ten minutes off, one that jumps back, summer time both ways", "claims go by the server's clock alone",
        "faults/test_crowds.py::test_machines_whose_clocks_disagree_claim_as_if_they_did_not",
        "store/test_store_fitness.py::test_clocks_that_differ_are_told_with_by_how_much", "core/test_timing.py",
    ),
    row(
        11, "two schedulers, then five, one of them killed", "each parcel is looked at once each time, told of once",
        "faults/test_processes.py::test_however_many_schedulers_run_each_parcel_is_looked_at_once_and_told_of_once",
        "pipeline/test_ticks.py::test_the_owner_is_owed_one_notice_however_many_schedulers_look",
    ),
    row(12, "a tick of the scheduler that never ends", "the process gives itself up, and another is started", "faults/test_wedged.py"),
    row(
        13, "a million due parcels, a hundred thousand notices that wait", "claims as fast as among few; who waits longest goes first",
        "faults/test_crowds.py::test_a_million_due_parcels_are_claimed_as_fast_as_a_thousand",
        "faults/test_crowds.py::test_a_hundred_thousand_notices_that_wait_hold_back_nobody", "store/test_limiter_model.py",
    ),
    row(
        14, "a source answers 429, 5xx, 4xx, slowly, half, garbage, HTML, 200 with an error", "never read as no news; asked again later",
        "sources/test_contract_on_the_wire.py", "sources/test_seventeentrack_answers.py", "sources/test_rate_reset.py",
        "pipeline/test_pipeline.py::test_a_failing_source_moves_no_stage_and_is_visible",
    ),
    row(
        15, "a source shows less, nothing, another order, the same twice, other words, another zone", "no second notice; the stage stays",
        "core/test_timeline.py", "core/test_merge_properties.py", "stories/test_scores.py", "stories/test_timelines.py", "pipeline/test_captures.py",
        "pipeline/test_pipeline.py::test_no_news_about_a_parcel_that_had_events_moves_no_stage", "pipeline/test_vigil.py",
    ),
    row(
        16, "mail server down, 421, 451, 552, dropped after DATA and after the final dot", "nothing lost; in doubt by the channel's policy",
        "faults/test_smtp_faults.py", "channels/test_email.py",
    ),
    row(
        17, "STARTTLS stripped, bad certificate, wrong password", "no plaintext; the channel is barred and what is owed waits; one try in a quarter of an hour",
        "faults/test_smtp_faults.py",
        "channels/test_email.py::test_starttls_that_was_stripped_is_refused_and_neither_mail_nor_password_is_sent",
        "channels/test_email.py::test_a_certificate_that_does_not_verify_is_refused",
        "channels/test_email.py::test_wrong_credentials_are_permanent_with_a_hint_and_never_repeated",
    ),
    row(
        18, "the answer of an SMS gateway is lost, with a key, without, with a list to look in", "doubled never, or by policy",
        "channels/test_sms_http.py::test_with_a_key_a_lost_answer_may_be_repeated_and_without_it_is_held",
        "channels/test_sms_twilio.py", "channels/test_sms_gateways.py",
    ),
    row(
        19, "a notice that kills whoever takes it", "held after three crashes; the others go out",
        "faults/test_processes.py::test_a_notice_that_kills_whoever_takes_it_is_held_and_stops_nobody_else",
    ),
    row(
        20, "a template of the user's with a mistake, a missing name, a loop without an end, output without measure",
        "no notice is lost by it: it goes in our words, and the owner is told; the template is bounded in time and memory",
        "words/test_own_words.py", "pipeline/test_broken_words.py",
        "words/test_words.py::test_a_bad_template_is_a_sentence_with_a_hint",
        "words/test_evidence.py::test_a_bad_template_of_the_users_is_a_sentence",
        "pipeline/test_habits.py::test_one_notice_without_words_fails_and_the_digest_goes_out_without_it",
    ),
    row(
        21, "power goes: the server's file is cut anywhere in its last records", "whole steps only",
        "faults/test_power.py::test_a_file_that_is_cut_anywhere_holds_whole_steps_only",
        "store/test_store_hold.py::test_a_claim_is_on_the_disk_of_a_server_that_syncs_every_second_before_it_is_handed_out",
    ),
    row(
        22, "its file is damaged in the middle, gone, another's, or not written", "refused in words; files kept as they are",
        "engine/test_engine_embedded.py", "store/test_store_fitness.py",
    ),
    row(23, "an old backup, an empty server, another one", "held until a person says so; nothing is sent", "faults/test_witness.py", "faults/test_backup.py"),
    row(
        24, "the disk is full at a commit, and at a rewrite", "no word without a write; it goes on when there is room",
        "faults/test_server_faults.py::test_a_full_disk_stops_the_work_and_room_lets_it_go_on",
        "faults/test_power.py::test_a_disk_too_full_for_a_rewrite_stops_nothing_and_room_lets_it_be_done",
    ),
    row(
        25, "SIGTERM under load, a second one, SIGHUP", "what is being sent is finished; bounded; nothing doubled",
        "faults/test_drain.py", "faults/test_supervision.py::test_a_second_stop_does_not_wait_for_a_child_that_does_not_end",
        "faults/test_hangup.py",
    ),
    row(
        26, "the supervisor of the embedded server is killed; a second program on one folder", "adopted or a guest; one writer",
        "engine/test_engine_alone.py",
        "faults/test_supervision.py::test_a_child_ends_in_order_when_its_supervisor_is_killed_and_not_before",
    ),
    row(27, "any order of all calls, with crashes and kills of the server", "the store is its model", "store/test_store_machine.py", "store/test_limiter_model.py"),
    row(28, "sixteen threads on the same rows", "one wins", "store/test_store_races.py"),
    row(
        29, "the user's file changes, a recipient leaves it while a notice waits", "skipped, with the reason",
        "pipeline/test_pipeline.py::test_what_is_no_longer_wanted_is_skipped_and_says_why", "faults/test_reload.py", "settings/test_watch.py",
    ),
    row(
        30, "ten thousand old parcels are taken in", "not a word",
        "faults/test_crowds.py::test_ten_thousand_old_parcels_are_taken_in_without_a_word",
        "pipeline/test_pipeline.py::test_history_is_silent_and_news_is_told_once_by_each_channel",
    ),
    row(31, "pushes forged, old, repeated, doubled at once, huge, slow, garbage", "refused alike, or taken in once", "web/test_push_in.py", "web/test_push_schemes.py"),
    row(
        32, "hostile text of a parcel, by every channel", "words, and nothing else",
        "channels/test_channels_contract.py::test_hostile_fields_arrive_as_one_message_that_is_only_words", "channels/test_mime.py",
        "pipeline/test_pipeline.py::test_hostile_tracking_text_stays_text_on_every_way",
    ),
    row(33, "addresses that lead inside, however they are spelt, rebound, redirected", "refused where it is connected", "sources/test_guard.py"),
    row(
        34, "a whole run under faults with secrets that nobody else uses", "none stands in any line",
        "faults/test_points.py::test_whoever_dies_at_whatever_point_nothing_is_lost_and_what_is_doubled_is_known",
        "channels/test_sms_twilio.py::test_no_log_line_holds_number_words_or_token",
        "web/test_push_in.py::test_the_key_of_the_source_is_in_no_answer_and_no_line",
    ),
    row(35, "what dramatiq itself loses, strands and doubles", "shown, so that nothing leans on it", "faults/test_dramatiq_contract.py"),
    row(36, "hours under load", "memory, descriptors and keys are flat", "make soak", "soak/test_soak_verdict.py"),
    row(
        37, "a store of an older or a newer version", "taken over, or refused and not touched",
        "pipeline/test_old_stores.py", "store/test_store_facts.py::test_a_store_of_a_newer_version_is_refused_and_not_touched",
        "faults/test_rolling_upgrade.py::test_an_older_program_says_that_the_store_is_of_a_newer_one_and_leaves_it_alone",
    ),
    row(38, "the deciders and the scripts broken one small way at a time", "a test fails", "make mutants", "store/test_store_guards.py"),
)  # fmt: skip


@cache
def tests_of(file: Path) -> frozenset[str]:
    """Return the names of the tests in a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(
        n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")
    )


def missing(name: str) -> str:
    """Say what is wrong with the name of a test; "" where there is such a one."""
    if target := name.partition("make ")[2]:
        return (
            ""
            if re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
            else f"no target {target}"
        )
    file, _, test = name.partition("::")
    path = ROOT / "tests" / file
    if not path.is_file():
        return f"no file {file}"
    if not (found := tests_of(path)):
        return f"no test in {file}"
    return f"no test {test} in {file}" if test and test not in found else ""


def table() -> str:
    lines = ["| | fault | what must hold | held by |", "|---|---|---|---|"]
    for one in ROWS:
        held = "<br>".join(
            f"`{name}`" if name.startswith("make ") else f"`tests/{name}`" for name in one.tests
        )
        lines.append(f"| {one.number} | {one.fault} | {one.promise} | {held} |")
    return "\n".join(lines) + "\n"


def written(page: str) -> str:
    """Return *page* with the table as it is now; the words before it stay."""
    head, heading, rest = page.partition(HEADING + "\n")
    assert heading, f"{PAGE.name} has no heading {HEADING!r}"
    words, _, after = rest.partition("\n|")
    after = re.sub(r"\A(?:[^\n]*\n(?=\|))*[^\n]*\n", "", after)
    return f"{head}{heading}{words}\n{table()}{after}"


def main() -> None:
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
