"""The soak's verdict can fail: it finds leaks made on purpose, in synthetic samples and in a real process and a real server, and
is not taken in by saw-teeth, spikes and what is kept for a stated time.
"""

from __future__ import annotations

import math
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.servers.valkey import start_valkey
from tests.soak.report import HANDLES, KEYS, MB, MEMORY, report
from tests.soak.sampling import sample_process, sample_store
from tests.soak.verdict import FEWEST, Tolerance, judge

HOUR = 3600.0
LEAKY = """\
import sys, time
kept, leaks = [], sys.argv[1] == "leak"
print("ready", flush=True)
while True:
    with open("/dev/null") as here:
        if leaks:
            kept.append((open("/dev/null"), bytearray(200_000)))
    time.sleep(0.01)
"""


def series(
    grows: float = 0.0, *, tooth: float = 0.0, noise: float = 0.0, level: float = 100.0 * MB
) -> list[tuple[float, float]]:
    """Ninety minutes of samples, one in 30 s; *grows* in that time."""
    dice = random.Random(7)  # noqa: S311  # noise, the same each time
    return [
        (30.0 * n, level + grows * n / 180 + tooth * math.fmod(n / 25, 1) + dice.gauss(0, noise))
        for n in range(181)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("points", "tolerance", "grows"),
    [
        (series(), MEMORY, False),
        (series(noise=3 * MB), MEMORY, False),
        (series(tooth=40 * MB), MEMORY, False),  # a file that is written anew when it doubled
        (series(1.5 * MB, noise=MB), MEMORY, False),  # within what is allowed
        (series(6 * MB, noise=MB), MEMORY, True),
        (series(12 * MB, tooth=8 * MB, noise=2 * MB), MEMORY, True),
        (series(0, noise=0.4, level=20), HANDLES, False),
        (series(5, noise=0.4, level=20), HANDLES, True),  # a descriptor every twenty minutes
        (series(0, noise=25, level=2000), KEYS, False),
        (series(120, noise=25, level=2000), KEYS, True),
    ],
)
def test_a_slope_is_told_from_noise_and_from_teeth(
    points: list[tuple[float, float]], tolerance: Tolerance, *, grows: bool
) -> None:
    assert judge(points, tolerance).grows is grows


def test_one_spike_is_no_growth_and_too_few_samples_say_nothing() -> None:
    points = series(noise=0.1 * MB)
    points[170] = (points[170][0], 900.0 * MB)
    assert not judge(points, MEMORY).grows
    with pytest.raises(ValueError, match="samples"):
        judge(points[: FEWEST - 1], MEMORY)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("habit", ["leak", "none"])
def test_a_real_program_that_leaks_descriptors_and_memory_is_found_out_within_two_seconds(habit: str) -> None:
    with subprocess.Popen([sys.executable, "-c", LEAKY, habit], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        taken = []
        for _ in range(20):
            time.sleep(0.04)  # the pace of the samples
            found = sample_process(program.pid)
            assert found is not None
            taken.append((time.monotonic(), found))
        program.kill()
    assert judge([(at, one.descriptors) for at, one in taken], HANDLES).grows is (habit == "leak")
    assert judge([(at, one.memory) for at, one in taken], MEMORY).grows is (habit == "leak")


def test_keys_that_leak_in_a_real_server_are_found_out_by_kind(tmp_path: Path) -> None:
    with start_valkey(tmp_path, appendfsync="no") as server, server.client() as client:
        counts: dict[str, list[tuple[float, float]]] = {"leak": [], "n": []}
        for moment in range(20):
            for n in range(30):
                client.set(f"{{cw}}:n:{n}", moment)
                client.set(f"{{cw}}:leak:{moment}-{n}", "x" * 1000)
            taken = sample_store([client])
            for kind, points in counts.items():
                points.append((moment, taken.keys[kind]))
        assert judge(counts["leak"], KEYS).grows
        assert not judge(counts["n"], KEYS).grows
        assert taken.held["leak"] > 600 * 1000
        assert taken.memory > taken.held["leak"]


def soaked(**grow: float) -> list[dict[str, Any]]:
    """A soak of two hours as its samples would be written, with what grows in an hour."""
    rows: list[dict[str, Any]] = []
    for n in range(241):
        hours = n * 30 / HOUR
        process = {
            "memory": 120 * MB + grow.get("memory", 0) * hours,
            "descriptors": 20 + int(grow.get("descriptors", 0) * hours),
            "threads": 10,
            "cpu": n * 1.5,
        }
        keys = {"op": 3000 * min(hours, 1), "push": 600 * hours, "n": 400 + grow.get("keys", 0) * hours}
        store = {
            "memory": 3 * MB + 100 * sum(keys.values()),
            "keys": keys, "held": {kind: 100 * held for kind, held in keys.items()}, "aof": 30 * MB, "rewrites": 1,
        }  # fmt: skip
        rows.append({"at": n * 30.0, "clock": "then", "processes": {"worker 7": process}, "store": store})
    end = {"alive": True, "enrolled": 9, "told": 9, "pushes_refused": 0, "mails": 9, "texts": 9, "doubled": 0}
    ends = {"ended": {"sent mail": 9, "sent text": 9}, "open": {}, "counts": {}}
    return [*rows, {"end": {**end, **ends}}]


def test_a_soak_is_flat_though_marks_are_kept_for_their_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(soaked()) == 0
    assert "not judged: kept for 7 days" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("grow", "says"),
    [
        ({"memory": 5 * MB}, "worker: memory, MB grows"),
        ({"descriptors": 4}, "worker: descriptors grows"),
        ({"keys": 60}, "keys n grows"),
    ],
)
def test_a_soak_in_which_something_grows_says_what(
    grow: dict[str, float], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(soaked(**grow)) == 1
    assert says in capsys.readouterr().out


def test_a_soak_that_lost_doubled_or_sent_nothing_is_not_well(capsys: pytest.CaptureFixture[str]) -> None:
    for change, says in (
        ({"mails": 8}, "8 arrived by mail, 9 are said to be sent"),
        ({"doubled": 1}, "doubled: 1"),
        ({"mails": 0, "texts": 0, "ended": {}}, "nothing was sent"),
        ({"alive": False}, "ended by itself"),
    ):
        rows = soaked()
        rows[-1]["end"] |= change
        assert report(rows) == 1
        assert says in capsys.readouterr().out


def test_a_process_that_died_and_came_again_is_not_well(capsys: pytest.CaptureFixture[str]) -> None:
    rows = soaked()
    for row in rows[200:-1]:
        row["processes"] = {"worker 8": row["processes"]["worker 7"]}
    assert report(rows) == 1
    assert "died: ['worker 7'], came: ['worker 8']" in capsys.readouterr().out
