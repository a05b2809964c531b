"""Orders that a source notices: watched where the file says so, each told to the owner before it is, each once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from workers.adopt import Adoption
from workers.core.model import Order, ParcelRef
from workers.errors import Permanent, Temporary
from workers.settings import AutoWatch, found
from workers.sources import Noticed

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


class Shop:
    """A source that notices what it is given, or fails."""

    def __init__(self, *met: Noticed, trouble: Exception | None = None) -> None:
        self.met, self.trouble = met, trouble

    def noticed(self) -> Sequence[Noticed]:
        if self.trouble:
            raise self.trouble
        return self.met


class Telling:
    """An owner that notes what they are told, and what was kept by then."""

    def __init__(self, folder: Path) -> None:
        self.told: list[tuple[str, str, dict[str, Any]]] = []
        self.kept_by_then: list[int] = []
        self._path = folder / found.FILE

    def tell(self, topic: str, about: str, occurrence: int, facts: dict[str, Any]) -> int:
        self.told.append((topic, about, facts))
        self.kept_by_then.append(len(kept(self._path.parent)))
        return 1


def kept(folder: Path) -> list[found.FoundOrder]:
    path = folder / found.FILE
    return found.decoded(path.read_bytes() if path.exists() else None)


def met(*numbers: int) -> tuple[Noticed, ...]:
    return tuple(
        Noticed(f"30763483262028{n:02d}", (f"AP008243630681{n:02d}",), "AliExpress") for n in numbers
    )


class House:
    """A house with one such source. *order*: the number of an order in the user's own file."""

    def __init__(self, folder: Path, source: Any, auto: AutoWatch | None, order: str = "") -> None:
        ref = ParcelRef("a/LP1", "LP00640000000011")
        mine = Order("a", "Mine", (ref,), "FR", number=order)
        self.settings = SimpleNamespace(
            auto_watch=auto, data=folder, parcels={ref.id: (mine, ref)}, orders={"a": mine}
        )
        self.sources = {"mails": source}
        self.now = NOW
        self.owner = Telling(folder)
        self.adoption = Adoption(lambda: self, self.owner, lambda: self.now)  # type: ignore[arg-type,return-value]  # doubles


def test_a_new_order_is_told_then_kept_and_never_again(tmp_path: Path) -> None:
    house = House(tmp_path, Shop(*met(1, 2)), AutoWatch())
    assert house.adoption.take_in("mails") == 2
    assert house.owner.kept_by_then == [0, 0]
    topic, about, facts = house.owner.told[0]
    assert (topic, about) == ("order_watched", "3076348326202801")
    assert facts == {
        "title": "AliExpress …2801", "order": "3076348326202801", "parcel": "AP00824363068101",
        "shop": "AliExpress", "source": "mails",
    }  # fmt: skip
    assert [each.order[-2:] for each in kept(tmp_path)] == ["01", "02"]
    assert house.adoption.take_in("mails") == 0
    assert len(house.owner.told) == 2


def test_nothing_is_taken_in_unless_the_file_says_so(tmp_path: Path) -> None:
    house = House(tmp_path, Shop(*met(1)), None)
    assert house.adoption.take_in("mails") == 0
    assert house.adoption.take_in("nobody") == 0
    assert House(tmp_path, object(), AutoWatch()).adoption.take_in("mails") == 0
    assert (kept(tmp_path), house.owner.told) == ([], [])


def test_so_many_a_day_and_the_rest_on_the_next(tmp_path: Path) -> None:
    house = House(tmp_path, Shop(*met(*range(5))), AutoWatch(a_day=2))
    assert [house.adoption.take_in("mails") for _ in range(3)] == [2, 0, 0]
    house.now += timedelta(days=1)
    assert [house.adoption.take_in("mails") for _ in range(2)] == [2, 0]
    assert len(house.owner.told) == 4


def test_what_stands_in_the_users_file_is_not_found_again(tmp_path: Path) -> None:
    mine = Noticed("1000000000000001", ("LP00640000000011",), "AliExpress")
    house = House(tmp_path, Shop(mine, *met(1)), AutoWatch(), order="3076 3483 2620 2801")
    assert house.adoption.take_in("mails") == 0


def test_a_source_that_cannot_look_takes_nothing_down(tmp_path: Path) -> None:
    for trouble in (Temporary("away"), Permanent("no")):
        house = House(tmp_path, Shop(trouble=trouble), AutoWatch())
        assert house.adoption.take_in("mails") == 0
    (tmp_path / "file").write_text("in the way")
    house = House(tmp_path / "file", Shop(*met(1)), AutoWatch())
    assert house.adoption.take_in("mails") == 0
