"""Say what a soak showed: one line a series, with its verdict. Reads samples, and knows what lives for a stated time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from tests.soak.verdict import Tolerance, judge

Row = Mapping[str, Any]
Points = list[tuple[float, float]]

SETTLED = timedelta(minutes=17)  # a house of an old file is closed 15 minutes after the next one
SHORTEST = timedelta(minutes=10)  # judged; less is a table without a verdict
# What is kept for a stated time (docs/operations.md) grows until that has passed; the soak shows it, and judges it no sooner.
LIVES = {
    "op": timedelta(hours=1),  # a commit's mark
    "push": timedelta(days=7),  # a push that was taken in
    "stay": timedelta(days=36500),  # how long stages lasted: the last two thousand of each kind
}
MB = 1024 * 1024
MEMORY = Tolerance(0.03, 2 * MB)
HANDLES = Tolerance(0.0, 2)
KEYS = Tolerance(0.03, 20)
STORED = Tolerance(0.03, 0.25 * MB)
AOF_MOST = 200 * MB  # written anew when it doubled and is over 64 MB


def report(rows: Sequence[Row]) -> int:
    """Print the table of a soak; return 1 where something grows, was lost or came twice."""
    samples = [row for row in rows if "at" in row]
    end: Row = next((row["end"] for row in rows if "end" in row), {})
    length = samples[-1]["at"]
    start = max(length / 4, SETTLED.total_seconds())
    judged = [row for row in samples if row["at"] >= start]
    enough = judged and length - start >= SHORTEST.total_seconds()
    print(
        f"\n{len(samples)} samples over {length / 60:.0f} min ({samples[0]['clock']} to {samples[-1]['clock']})"
    )
    print(
        f"judged: from minute {start / 60:.0f} on"
        if enough
        else "too short to judge: a table without verdicts"
    )
    bad = _series(samples, judged if enough else [])
    bad += _whole(samples, judged if enough else samples)
    bad += _load(end)
    print("\nflat" if enough and not bad else "" if not bad else "\nNOT WELL: " + "; ".join(bad))
    return 1 if bad else 0


def _series(samples: Sequence[Row], judged: Sequence[Row]) -> list[str]:
    bad = []
    print(f"\n{'':34}{'first':>10}{'last':>10}{'most':>10}{'growth':>10}{'allowed':>10}")
    for name, unit, tolerance, read, lives in _all(samples):
        since = max(judged[0]["at"], lives.total_seconds()) if judged else 0.0
        points = [
            (row["at"], value) for row in judged if row["at"] >= since and (value := read(row)) is not None
        ]
        values = [value for row in samples if (value := read(row)) is not None]
        if not judged or points[-1:] == [] or points[-1][0] - points[0][0] < SHORTEST.total_seconds():
            why = "" if not judged else f"  not judged: kept for {lives}"
            print(
                f"{name:34}{values[0] / unit:10.1f}{values[-1] / unit:10.1f}{max(values) / unit:10.1f}{why}"
            )
            continue
        said = judge(points, tolerance)
        print(
            f"{name:34}{said.first / unit:10.1f}{said.last / unit:10.1f}{said.most / unit:10.1f}"
            f"{said.growth / unit:+10.2f}{said.allowed / unit:10.2f}  {'GROWS' if said.grows else 'flat'}"
        )
        bad += [f"{name} grows"] if said.grows else []
    return bad


Series = tuple[str, float, Tolerance, Callable[[Row], float | None], timedelta]


def _all(samples: Sequence[Row]) -> list[Series]:
    """Return every series there is: name, unit, tolerance, how it is read, how long what it counts is kept."""
    out: list[Series] = []
    for process, name in _lasting(samples).items():
        for what, unit, tolerance in (
            ("memory", MB, MEMORY),
            ("descriptors", 1, HANDLES),
            ("threads", 1, HANDLES),
        ):
            label = f"{name}: {what}" + (", MB" if what == "memory" else "")
            out.append((label, unit, tolerance, _of_process(process, what), timedelta(0)))
    # The server's tables for keys with a time to live grow with the marks of commits, beside what the marks themselves take.
    out.append(("store: memory less the kept, MB", MB, STORED, _less_kept, LIVES["op"]))
    out.append(("store: keys less the kept", 1, KEYS, _keys_less_kept, timedelta(0)))
    kinds = sorted({kind for row in samples for kind in row["store"]["keys"]})
    for kind in kinds:
        if max(row["store"]["keys"].get(kind, 0) for row in samples) >= 10 or kind in LIVES:
            lives = LIVES.get(kind, timedelta(0))
            out.append((f"store: keys {kind}", 1, KEYS, _of_store("keys", kind), lives))
    return out


def _lasting(samples: Sequence[Row]) -> dict[str, str]:
    """Return the processes of the last sample, by the name in the samples, numbered where there are several of a part."""
    part = Counter[str]()
    out = {}
    for process in samples[-1]["processes"]:
        name = process.rpartition(" ")[0]
        part[name] += 1
        out[process] = f"{name} {part[name]}"
    return {
        process: name if part[process.rpartition(" ")[0]] > 1 else name[:-2] for process, name in out.items()
    }


def _of_process(process: str, what: str) -> Callable[[Row], float | None]:
    return lambda row: row["processes"].get(process, {}).get(what)


def _of_store(what: str, kind: str) -> Callable[[Row], float | None]:
    return lambda row: row["store"][what].get(kind, 0)


def _less_kept(row: Row) -> float:
    kept: float = row["store"]["memory"] - sum(row["store"]["held"].get(kind, 0) for kind in LIVES)
    return kept


def _keys_less_kept(row: Row) -> float:
    return float(sum(n for kind, n in row["store"]["keys"].items() if kind not in LIVES))


def _whole(samples: Sequence[Row], judged: Sequence[Row]) -> list[str]:
    """Say what is no series: the append-only file, processor time, and whether every process lived through it."""
    bad = []
    aof, last = max(row["store"]["aof"] for row in samples), samples[-1]["store"]
    print(f"\nstore: memory {judged[0]['store']['memory'] / MB:.1f} to {last['memory'] / MB:.1f} MB, "
          f"append-only file at most {aof / MB:.0f} MB, written anew {last['rewrites']} times")  # fmt: skip
    if aof > AOF_MOST:
        bad.append("the append-only file grows")
    died = sorted(set(judged[0]["processes"]) - set(samples[-1]["processes"]))
    came = sorted(set(samples[-1]["processes"]) - set(judged[0]["processes"]))
    if died or came:
        bad.append(f"processes died: {died}, came: {came}")
    cpu = sum(
        found["cpu"] - judged[0]["processes"].get(process, {"cpu": 0.0})["cpu"]
        for process, found in samples[-1]["processes"].items()
    )
    wall = samples[-1]["at"] - judged[0]["at"]
    print(f"the program used {100 * cpu / wall if wall else 0:.1f} % of a processor core")
    return bad


def _load(end: Row) -> list[str]:
    if not end:
        return ["it did not come to its end"]
    bad = []
    print(f"load: {end['enrolled']} parcels enrolled, {end['told']} moves, {end['mails']} mails and {end['texts']} texts "
          f"arrived, {end['doubled']} doubled, {end['counts'].get('retried', 0)} put off; ends: {end['ended']}; open: {end['open']}")  # fmt: skip
    for channel, arrived in (("mail", end["mails"]), ("text", end["texts"])):
        if end["ended"].get(f"sent {channel}", 0) != arrived:
            bad.append(
                f"{arrived} arrived by {channel}, {end['ended'].get(f'sent {channel}', 0)} are said to be sent"
            )
    if not end["mails"] or not end["texts"]:
        bad.append("nothing was sent: the load is none")
    bad += [f"{what}: {end[what]}" for what in ("doubled", "pushes_refused") if end[what]]
    if end["open"]:
        bad.append(f"still open: {end['open']}")
    if not end["alive"]:
        bad.append("the program ended by itself")
    return bad
