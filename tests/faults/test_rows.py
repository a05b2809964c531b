"""The list of faults names tests that are there, misses no number, and stands in the docs as it is."""

from __future__ import annotations

from tests.faults.rows import PAGE, ROWS, missing, written


def test_every_fault_of_the_list_is_there_once() -> None:
    assert [one.number for one in ROWS] == list(range(1, 39))


def test_every_fault_has_a_test_and_every_test_is_there() -> None:
    assert [(one.number, said) for one in ROWS for name in one.tests if (said := missing(name))] == []
    assert [one.number for one in ROWS if not one.tests] == []


def test_a_name_that_is_none_is_found_out() -> None:
    assert missing("faults/test_rows.py") == ""
    assert missing("make faults") == ""
    assert missing("make nothing") != ""
    assert missing("faults/test_nothing.py") != ""
    assert missing("faults/test_rows.py::test_nothing") != ""
    assert missing("faults/rows.py") != ""


def test_the_page_holds_the_list_as_it_is() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == written(page), "write it anew: python -m tests.faults.rows"
