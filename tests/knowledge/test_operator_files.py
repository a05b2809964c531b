"""What every operator file must hold, so that nobody is sent to pay at the wrong place."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from workers import loading, resources
from workers.core.model import Operator
from workers.errors import Misconfigured
from workers.knowledge import law
from workers.knowledge.shapes import OperatorFile

SHIPPED = law.load_operators()
COUNTRIES = law.load_law().countries
each = pytest.mark.parametrize("operator", SHIPPED, ids=[o.id for o in SHIPPED])


@each
def test_an_operator_says_where_its_facts_come_from(operator: Operator) -> None:
    assert operator.evidence is not None
    assert len(operator.evidence.source) > 8
    assert operator.evidence.checked is not None
    assert operator.evidence.where == f"operators/{operator.id}.yaml:1"


@each
def test_what_a_person_reads_holds_no_link(operator: Operator) -> None:
    for text in (operator.pay_where, operator.fee_note, operator.documents_where, operator.contact):
        assert "://" not in text
        assert "www." not in text
        assert not re.search(r"\w\.[a-z]{2,}/\w", text), text


@each
def test_a_domain_is_registrable_and_confirmed_or_not_but_not_both(operator: Operator) -> None:
    for domain in (*operator.domains, *operator.unverified_domains):
        assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain)
    assert not set(operator.domains) & set(operator.unverified_domains)


@each
def test_a_post_belongs_to_a_country_whose_law_we_know_and_a_courier_to_none(operator: Operator) -> None:
    if operator.kind == "post":
        assert operator.country in COUNTRIES
    if operator.kind == "platform":
        assert operator.country == ""


def test_no_confirmed_domain_belongs_to_two_operators_of_one_country() -> None:
    seen: dict[tuple[str, str], str] = {}
    shared = {"gov.uk", "gov.br", "dhl.com"}  # a state's, or one company's two arms
    for operator in SHIPPED:
        for domain in set(operator.domains) - shared:
            assert seen.setdefault((operator.country, domain), operator.id) == operator.id


def test_the_fee_is_that_of_the_day() -> None:
    def fee(on: date) -> Decimal:
        post = next(o for o in law.load_operators(on=on) if o.id == "deutsche_post")
        assert post.fee_low is not None
        return post.fee_low.amount

    assert fee(date(2026, 3, 9)) == 6
    assert fee(date(2026, 3, 10)) == Decimal("7.50")
    assert next(o for o in SHIPPED if o.id == "deutsche_post").fee_low is not None


def test_no_fee_is_known_of_an_operator_that_quotes_case_by_case() -> None:
    assert next(o for o in SHIPPED if o.id == "correos").fee_low is None


def test_an_operator_file_is_named_after_its_operator(tmp_path: Path) -> None:
    folder = tmp_path / "operators"
    folder.mkdir()
    text = (resources.knowledge("operators") / "usps.yaml").read_text(encoding="utf-8")
    (folder / "usps.yaml").write_text(text, encoding="utf-8")
    assert [o.id for o in law.load_operators(folder=tmp_path)] == ["usps"]
    (folder / "usps.yaml").rename(folder / "ups.yaml")
    with pytest.raises(Misconfigured, match=r"usps stands in ups\.yaml"):
        law.load_operators(folder=tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("site: usps.com", "site: usps.example", "not among"),
        ("links_in_messages: never", "links_in_messages: rarely", "links_in_messages"),
        ("kind: post", "kynd: post", "did you mean 'kind'"),
        ("checked: 2026-11-22\nconfidence: medium\n", "confidence: medium\n", "checked"),
    ],
)
def test_an_unsound_operator_does_not_load(old: str, new: str, says: str) -> None:
    text = (resources.knowledge("operators") / "usps.yaml").read_text(encoding="utf-8")
    assert old in text
    loading.validate(OperatorFile, loading.parse(text, file="operators/usps.yaml"))
    with pytest.raises(Misconfigured, match=says):
        loading.validate(OperatorFile, loading.parse(text.replace(old, new), file="operators/usps.yaml"))
