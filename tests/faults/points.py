"""Every point at which a process or the server may die: which script, run by whom, before or after the server did it, and who dies."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from tests.faults import scenes
from tests.faults.theatre import Scene
from tests.servers.door import Moment

Victim = Literal["caller", "server"]


@dataclass(frozen=True)
class Way:
    """How a script is made to run: a scene, and whose parcel it needs."""

    scene: Scene
    who: str = "ana"
    source: str = "track"
    patience: float = 4.0  # seconds before the scene is played again


NEWS, REVIEW, REBOOT = Way(scenes.news), Way(scenes.review), Way(scenes.reboot, patience=12.0)
PUSHED, SCRAPED = Way(scenes.pushed), Way(scenes.scraped)
BROKEN, GONE, UNSAID = (
    Way(scenes.broken, source="spare"),
    Way(scenes.gone, "gone"),
    Way(scenes.unsaid, "night"),
)

WAYS: Mapping[str, Mapping[str, Way]] = {
    "worker": {
        **dict.fromkeys(
            ["claim", "settle", "commit", "showed", "recall", "lately", "claim_notice", "finish done", "bell enqueue"], NEWS
        ),
        **dict.fromkeys(["bell fetch", "bell ack"], NEWS),
        "take": Way(scenes.forgotten),
        "unknown": Way(scenes.unread),
        **dict.fromkeys(["claim_reviews", "prune", "follow"], REVIEW),
        **dict.fromkeys(["postpone", "pause", "unheard", "news"], BROKEN),
        "prolong": Way(scenes.sluggish, source="spare", patience=20.0),
        "renew": Way(scenes.slow, "slow", patience=12.0),
        "finish retry": Way(scenes.later, "slow", patience=12.0),
        **dict.fromkeys(["finish resend", "finish hold"], Way(scenes.doubtful, "unsure", patience=12.0)),
        **dict.fromkeys(["aside", "owe", "finish fail"], GONE),
        "settled": Way(scenes.buried, "gone"),
        "bar": Way(scenes.barred, "shut"),
        **dict.fromkeys(["finish wait", "finish unsay", "amend_told", "review_soon"], UNSAID),
        **dict.fromkeys(["vault begin", "vault put"], Way(scenes.renewal, source="ae")),
        **dict.fromkeys(["chores claim", "chores done"], Way(scenes.untidy)),
        **dict.fromkeys(["beat", "prepare"], Way(scenes.newborn, patience=12.0)),
    },
    "scheduler": dict.fromkeys(
        [
            "prepare", "limit", "enrol", "dismiss", "review_soon", "chores add", "chores due", "sweep", "beat", "wordless",
            "recall", "forget", "owe", "mark", "bell enqueue", "bell qsize",
        ],
        REBOOT,
    ),
    "web": {
        **dict.fromkeys(["push begin", "push done", "recall", "commit", "bell enqueue"], PUSHED),
        **dict.fromkeys(["gauges", "stages", "beats"], SCRAPED),
        "say": Way(scenes.noted),
    },
    "command": {
        "say": Way(scenes.said("ack", "NUMBER")),
        "operate": Way(scenes.said("notices", "drop", "NOTICE", "--yes")),
        "looked_at": Way(scenes.said("notices", "show", "NOTICE")),
        "hold hold": Way(scenes.held),
        "dump": Way(scenes.said("backup", "FILE")),
        "budget": Way(scenes.said("budget")),
        "forget": Way(scenes.over),
    },
}  # fmt: skip

# Scripts that nobody is killed at, and why.
SPARED = {
    "finish skip": "as `finish unsay`, of which it is a part; its reason is a user's file that was changed meanwhile",
    "chores later": "a source that takes no word now; a chore done twice or late costs quota alone",
    "unsettled": "reads only, and only for `run --once` and the demonstration, which end by it",
}


@dataclass(frozen=True)
class Point:
    role: str
    script: str
    moment: Moment
    victim: Victim
    way: Way

    def __str__(self) -> str:
        return f"{self.role:<9} {self.script:<14} {self.moment:<6} {self.victim:<6}"


def points(seed: int) -> list[Point]:
    """Return all points in an order that *seed* decides."""
    found = list(_points())
    random.Random(seed).shuffle(found)  # noqa: S311 -- an order that can be repeated, no secret
    return found


def _points() -> Iterator[Point]:
    victims: tuple[Victim, ...] = ("caller", "server")
    moments: tuple[Moment, ...] = ("before", "after")
    for role, ways in WAYS.items():
        for script, way in ways.items():
            for moment in moments:
                for victim in victims:
                    if role == "command" and victim == "server":
                        continue  # nothing differs from the same script of a worker: the command ends with a sentence
                    yield Point(role, script, moment, victim, way)
