"""Who says what of a parcel, as plain JSON for the words and for ``explain``. Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from workers.core.followed import Further
from workers.core.model import Seen, Snapshot
from workers.core.quote import identifier, quote, visible
from workers.core.second import Opinion
from workers.core.voices import Voice, Voices

Plain = dict[str, Any]

NAME: Final = 80
TEXT: Final = 180
MOST: Final = 5  # sources told of
_ASKED: Final = frozenset(
    {"failing", "unknown", "contradict", "stuck"}
)  # reasons that have words of their own


def plain(said: Voices, asked: Opinion, further: Sequence[Further] = ()) -> Plain:
    """Return what a notice says of the sources."""
    return {
        "differ": said.differ.value,
        "asked": asked.why if asked.ask and asked.why in _ASKED else "",
        "others": [visible(title, NAME) for title in asked.titles[:MOST]],
        "each": [_voice(voice) for voice in said.telling[:MOST]],
        "numbers": [
            {"number": identifier(one.number), "carrier": quote(one.carrier, NAME)} for one in further
        ],
    }


def _voice(voice: Voice) -> Plain:
    return {
        "source": visible(voice.heard.name, NAME),
        "state": voice.state.value,
        "stage": voice.stage.value,
        "day": voice.day.isoformat() if voice.day else None,
    }


def shown_by(snapshot: Snapshot, said: Voices) -> dict[str, str]:
    """Return what to call each source in the timeline of a parcel that several showed; empty for one of a single source."""
    names = {name for seen in snapshot.timeline for name in seen.witnesses}
    if len(names) < 2:
        return {}
    called = {voice.heard.source: voice.heard.name for voice in said.each}
    return {name: visible(called.get(name, name), NAME) for name in names}


def called(seen: Seen, names: dict[str, str]) -> list[str]:
    """Return who showed an event, by the names people know."""
    return [names[name] for name in seen.witnesses if name in names][:MOST]


def decision(said: Voices, asked: Opinion, further: Sequence[Further] = ()) -> Plain:
    """Return what ``explain`` and ``status`` show of the sources."""
    return {
        "differ": said.differ.value,
        "contradict_since": said.since.isoformat() if said.since else None,
        "each": [
            {
                **_voice(voice),
                "name": voice.heard.source,
                "own": voice.heard.own,
                "failing_since": voice.heard.failing_since.isoformat() if voice.heard.failing_since else None,
                "newest": voice.newest.isoformat() if voice.newest else None,
                "text": quote(voice.last.sighting.text, TEXT) if voice.last else "",
            }
            for voice in said.each
        ],
        "followed": [one.evidence.what for one in further],
        "asked": {
            "why": asked.why,
            "since": asked.since.isoformat() if asked.since else None,
            "sources": list(asked.ask),
            "evidence": asked.evidence.what if asked.evidence else "",
        },
    }
