"""The owner is told once of law that nobody has compared with its sources for long, and of no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.pipeline.conftest import START, World
from workers import law_watch
from workers.core import rules
from workers.core.law import Country, Law, Row
from workers.core.model import Evidence, Operator
from workers.core.rules import Stale

MONTH = timedelta(days=31)
CHECKED = date(2026, 1, 1)


def row(
    country: str, line: str, *, start: date = date(2020, 1, 1), checked: date = CHECKED, **more: bool
) -> Row:
    where = f"countries/{country}.yaml:{len(line)}"
    return Row(line, start, Evidence("rule", line, where, "https://law.example", checked), "high", **more)


def law(*countries: Country, **fees: Row) -> Law:
    return Law(
        {country.code: country for country in countries}, fees={name: (fee,) for name, fee in fees.items()}
    )


GERMANY = Country("DE", "Germany", "EUR", {"duty": (row("DE", "duty"),)})
FRANCE = Country("FR", "France", "EUR", {"duty": (row("FR", "duty"),), "levy": (row("FR", "levy"),)})
POST = Operator("post", "the Post", "DE", "post")


def look(world: World, known: Law, operators: tuple[Operator, ...] = (), *, now: datetime = START) -> int:
    world.now = now
    return law_watch.look(
        world.house(), world.store, world.pipeline.owner, law=known, operators=operators, now=now
    )


@pytest.fixture
def owned(world: World) -> World:
    world.owner = ("ana",)
    world.watch("LP00111111111111")
    return world


def test_old_law_is_told_of_once_and_restarts_do_not_repeat_it(owned: World) -> None:
    assert look(owned, law(GERMANY)) == 2  # ana's mail and her text message
    assert look(owned, law(GERMANY)) == 0
    assert look(owned, law(GERMANY), now=START + timedelta(days=5)) == 0
    owned.deliver()
    [(_, mail)] = owned.mail.sent
    assert mail.subject == "1 customs rule was not checked for long"
    assert "compare DE: duty with law.example, last checked on" in " ".join(mail.text.split())
    assert "Thursday, 1 January 2026" in " ".join(mail.text.split())


def test_the_next_month_looks_again_and_tells_only_what_is_new(owned: World) -> None:
    assert look(owned, law(GERMANY)) == 2
    assert look(owned, law(GERMANY), now=START + MONTH) == 0
    more = replace(GERMANY, lines={**GERMANY.lines, "levy": (row("DE", "levy"),)})
    assert look(owned, law(more), now=START + MONTH) == 0  # looked this month already
    assert look(owned, law(more), now=START + 2 * MONTH) == 2


def test_two_schedulers_that_look_at_once_owe_one_notice(owned: World) -> None:
    assert look(owned, law(GERMANY)) == 2
    owned.store.scripts.client.delete("{cw}:fact:law_looked:2026-11")
    assert look(owned, law(GERMANY)) == 0


def test_law_that_no_order_is_judged_by_is_not_the_owners_matter(owned: World) -> None:
    assert look(owned, law(FRANCE)) == 0
    assert look(owned, law(FRANCE, post=row("FR", "operator_fee")), (POST,), now=START + MONTH) == 0
    assert look(owned, law(GERMANY, post=row("DE", "operator_fee")), (POST,), now=START + 2 * MONTH) == 2
    owned.deliver()
    assert owned.mail.sent[-1][1].subject.startswith("2 customs rules")


def test_law_that_was_looked_at_is_not_told_of(owned: World) -> None:
    fresh = Country("DE", "Germany", "EUR", {"duty": (row("DE", "duty", checked=START.date()),)})
    assert look(owned, law(fresh)) == 0
    assert look(owned, law(fresh), now=datetime(2027, 6, 1, tzinfo=UTC)) == 2


@pytest.mark.parametrize(
    ("checked", "since", "expected"),
    [
        (None, date(2026, 11, 1), True),
        (date(2026, 10, 31), date(2026, 11, 1), True),
        (date(2026, 11, 1), date(2026, 11, 1), False),
        (START.date() - rules.AGE, date(2020, 1, 1), False),
        (START.date() - rules.AGE - timedelta(days=1), date(2020, 1, 1), True),
    ],
)
def test_what_was_looked_at_since_it_grew_stale_is_known_to_be_unconfirmed(
    checked: date | None, since: date, *, expected: bool
) -> None:
    stale = Stale("countries/EU.yaml:1", "handling_fee", "expected_passed", checked, "source", since)
    assert law_watch.unlooked(stale, on=START.date()) is expected


def test_nothing_that_ships_is_the_owners_matter_on_the_day_it_was_checked(world: World) -> None:
    known = world.knowledge
    shipped = rules.stale(known.law, on=START.date())
    assert {one.why for one in shipped} == {"expected_passed"}
    assert [one for one in shipped if law_watch.unlooked(one, on=START.date())] == []
    later = rules.stale(known.law, on=date(2027, 7, 1))
    assert [one for one in later if law_watch.unlooked(one, on=date(2027, 7, 1))]
