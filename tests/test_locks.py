"""The small locks, of what the image runs and of what builds it, hold what the large one holds: nothing else, nothing newer."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PIN = re.compile(r"([a-z0-9._-]+)(?:\[[a-z0-9,._-]+\])?==([^\s;\\]+)")
Pin = tuple[str, frozenset[str]]
SMALL = ("requirements.run.lock", "requirements.build.lock")


def pins(path: Path) -> dict[str, Pin]:
    """Return the packages of a lock, each with its version and the hashes of its files."""
    found: dict[str, Pin] = {}
    for block in re.split(r"\n(?=\S)", path.read_text()):
        if match := PIN.match(block):
            found[match[1]] = match[2], frozenset(re.findall(r"--hash=(\S+)", block))
    return found


def strangers(few: dict[str, Pin], whole: dict[str, Pin]) -> set[str]:
    """Return the packages that *whole* does not hold just so."""
    return {name for name, pin in few.items() if whole.get(name) != pin or not pin[1]}


def named(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~ ]", one)[0].lower() for one in requirements}


@pytest.mark.parametrize("lock", SMALL)
def test_a_small_lock_pins_what_the_large_one_pins(lock: str) -> None:
    assert strangers(pins(ROOT / lock), pins(ROOT / "requirements.lock")) == set()


def test_a_lock_that_fell_behind_is_noticed() -> None:
    whole = pins(ROOT / "requirements.lock")
    few = dict(pins(ROOT / "requirements.run.lock"))
    version, hashes = few["httpx"]
    few["httpx"] = "0.0.1", hashes
    few["redis"] = few["redis"][0], frozenset({"sha256:00"})
    few["unheard-of"] = "1", frozenset({"sha256:00"})
    assert version != "0.0.1"
    assert strangers(few, whole) == {"httpx", "redis", "unheard-of"}


def test_the_image_gets_what_runs_and_no_tool_of_ours() -> None:
    said = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, extras = said["project"], said["project"]["optional-dependencies"]
    runs = pins(ROOT / "requirements.run.lock").keys()
    assert named([*project["dependencies"], *extras["apprise"], *extras["web"]]) <= runs
    assert not (named(said["dependency-groups"]["dev"]) | named(extras["embedded"])) & runs
    assert len(runs) < len(pins(ROOT / "requirements.lock"))


def test_what_builds_the_image_is_what_the_build_system_asks_for() -> None:
    said = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert said["dependency-groups"]["build"] == said["build-system"]["requires"]
    assert named(said["build-system"]["requires"]) <= pins(ROOT / "requirements.build.lock").keys()
