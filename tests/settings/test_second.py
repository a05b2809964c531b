"""Which sources the user has asked first, besides, and never."""

from __future__ import annotations

from pathlib import Path

import pytest

from workers import app, roster
from workers.errors import Misconfigured
from workers.settings import Settings

ORDER = "orders: [{title: Lamp, tracking: LP00123456789012, to: DE%s}]\n"


def load(folder: Path, *sections: str, more: str = "") -> Settings:
    file = folder / "orders.yaml"
    sources = "".join(f"  {section}\n" for section in sections)
    file.write_text(f"sources:\n{sources}recipients: {{anna: {{email: a@example.org}}}}\n{ORDER % more}")
    return app.load(file, {"T": "key"})


def places(settings: Settings) -> tuple[list[str], list[str]]:
    (order, ref), *_ = settings.parcels.values()
    return list(roster.own(settings, ref)), list(roster.besides(settings, order, ref))


A, B, C = (
    "a: {kind: seventeentrack, token: $T%s}",
    "b: {kind: parcelsapp, token: $T%s}",
    "c: {kind: dhl, token: $T%s}",
)


def test_the_first_is_looked_at_and_those_that_can_know_the_number_are_asked_besides(tmp_path: Path) -> None:
    assert places(load(tmp_path, A % "", B % "", C % "")) == (["a"], ["b"])


def test_only_and_no_are_kept(tmp_path: Path) -> None:
    assert places(load(tmp_path, A % ", second: only", B % "")) == (["b"], ["a"])
    assert places(load(tmp_path, A % "", B % ", second: no")) == (["a"], [])
    assert places(load(tmp_path, A % ", second: only")) == (["a"], [])  # there is no other


def test_an_order_may_name_several(tmp_path: Path) -> None:
    loaded = load(tmp_path, A % "", B % ", second: only", C % "", more=", source: [b, a]")
    assert places(loaded) == (["b", "a"], [])
    assert roster.by_source(loaded)["b"] == roster.by_source(loaded)["a"] != []
    assert roster.by_source(loaded, without=list(loaded.parcels))["a"] == []


def test_a_carriers_own_service_is_asked_for_numbers_it_can_know(tmp_path: Path) -> None:
    assert places(load(tmp_path, A % "", C % "", more=", carrier: DHL Express")) == (["a"], ["c"])


@pytest.mark.parametrize(
    ("sections", "more", "said"),
    [
        ((A % ", second: maybe",), "", "second: must be yes, no or only"),
        ((A % "",), ", source: [a, nobody]", "there is no source 'nobody'"),
    ],
)
def test_a_mistake_is_a_sentence(tmp_path: Path, sections: tuple[str, ...], more: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        load(tmp_path, *sections, more=more)
