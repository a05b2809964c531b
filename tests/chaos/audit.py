"""Counts what the journals of the world say against what was owed. Believes no program."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.feeder import Owed, addresses
from tests.chaos.world import CHANNELS, Told


@dataclass(frozen=True, slots=True)
class Tally:
    """Of one channel: how many notices were due, arrived, ended visibly, were lost, and how many came too often."""

    due: int
    delivered: int
    ended: int  # did not arrive, and their user is shown so
    lost: int
    doubled: int  # notices that came more than once
    surplus: int  # messages beyond the first of each

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in Tally.__slots__))


def due(fed: Sequence[int]) -> set[Owed]:
    """Return what is owed where the parcels were shown so many steps: each step once to each address."""
    return {
        (parcel, step, channel, to)
        for parcel, last in enumerate(fed)
        for step in range(last + 1)
        for channel, to, _ in addresses()
    }


def counted(told: Sequence[Told]) -> Counter[Owed]:
    return Counter(one.owed for one in told)


def tally(owed: Collection[Owed], told: Counter[Owed], ended: Collection[Owed]) -> dict[str, Tally]:
    """Return the tally of each channel."""
    out = {}
    shown = set(ended)
    for channel in CHANNELS:
        mine = [one for one in owed if one[2] == channel]
        came = [told[one] for one in mine]
        gone = [one for one in mine if not told[one]]
        visibly = sum(one in shown for one in gone)
        out[channel] = Tally(
            due=len(mine),
            delivered=sum(n > 0 for n in came),
            ended=visibly,
            lost=len(gone) - visibly,
            doubled=sum(n > 1 for n in came),
            surplus=sum(n - 1 for n in came if n > 1),
        )
    return out


def made_up(owed: Collection[Owed], told: Counter[Owed]) -> list[Owed]:
    """Return what arrived and nobody was owed."""
    known = set(owed)
    return [one for one in told if one not in known]


def unexplained(told: Sequence[Told], doubts: Mapping[str, int]) -> list[str]:
    """Return what came oftener than the doubts that the program itself wrote down of it allow.

    *doubts*: for each of its ids, how often it wrote that a message may have arrived and was to be sent again.
    """
    references: dict[Owed, Counter[str]] = defaultdict(Counter)
    for one in told:
        references[one.owed][one.reference] += 1
    out = []
    for owed, by in references.items():
        if len(by) > 1:
            out.append(f"{owed} came under {len(by)} ids")
        elif (times := by.total()) > 1 + doubts.get(next(iter(by)), 0):
            out.append(f"{owed} came {times} times, {doubts.get(next(iter(by)), 0)} doubts written")
    return out
