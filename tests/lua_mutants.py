"""Break the store's scripts one small way at a time: does the model on a real server, or an invariant, notice?

    python tests/lua_mutants.py [--each N] [--seed N] [script ...]

A mutant is one statement left out, one comparison turned round, one "and" made "or", one option (XX) dropped, one check of a
token left out, one HSETNX made HSET, one lease or wait that ends at once. Each must be killed: a survivor is a hole in the
tests, or a line that does nothing. Metrics and the log of attempts are left alone.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "workers" / "store"
ENOUGH = 0.95  # a sequence deep enough for every line is not drawn every time; survivors are named
LONGEST = 90  # seconds for one mutant
SCRIPTS = (
    "prelude", "claim_notice", "finish", "renew", "operate", "commit", "follow", "settled", "say", "amend_told",
    "looked_at", "prune", "forget", "claim_reviews", "review_soon", "enrol", "dismiss", "vault", "chores", "push", "hold",
    "aside", "bar",
)  # fmt: skip
STATEMENT = re.compile(
    r"^\s*(redis\.call\('(HSET|HDEL|ZADD|ZREM|SADD|SREM|DEL|SET|HINCRBY|HSETNX|ZREMRANGEBYSCORE)'.*\)|move\(.*\)"
    r"|sent_out\(.*\)|leave_stay\(.*\)|row\[\d+\] = .*|(fresh|speaks)\[.*\] = .*)(\s*--.*)?$"
)
TURNS = (
    (" ~= ", " == "), (" == ", " ~= "), (" <= ", " > "), (" > ", " <= "), (" >= ", " < "), (" and ", " or "),
    (" or ", " and "), ("if not ", "if "), ("'XX', ", ""), ("'NX', ", ""),
)  # fmt: skip
# What an at-least-once ledger stands on, each by its own name in the list.
PILLARS = (
    (re.compile(r"row\[\d+\] ~= (token|ARGV\[\d+\])"), "false", "without the token's check"),
    (re.compile(r"\bHSETNX\b"), "HSET", "HSETNX → HSET"),
    (re.compile(r"\bnow \+ ARGV\[(\d+|i \+ \d+)\]"), "now", "due at once"),
)
ALONE = re.compile(
    r"count\(|log\(|used\(|answered\(|'ended'|'late'|'open|stay|pace|besides|every|row\[9\] ~= token|'health|HINCRBY', P \.\. 'count'|'hot:|'shr:|'lim:|mark_urgent|URGENT"
)
# The part of the prelude that is about notices; the rest keeps looks, paces and quotas, which have tests of their own.
NOTICES = ("local DEAD", "local function owe", "local function move", "local function sent_out")


@dataclass(frozen=True)
class Mutant:
    script: str
    line: int
    what: str
    text: str  # the script as it is then


def mutants(script: str) -> Iterator[Mutant]:
    """Return every mutant of a script."""
    lines = (SHIPPED / f"{script}.lua").read_text(encoding="utf-8").split("\n")
    inside = script != "prelude"
    for number, line in enumerate(lines):
        if script == "prelude" and line.startswith("local "):
            inside = line.startswith(NOTICES)
        code = line.partition("--")[0]
        if not inside or ALONE.search(code) or not code.strip() or line.startswith("#!"):
            continue

        def as_is(changed: str, what: str, at: int = number) -> Mutant:
            return Mutant(script, at + 1, what, "\n".join([*lines[:at], changed, *lines[at + 1 :]]))

        if STATEMENT.match(line):
            yield as_is("", f"without {code.strip()[:70]}")
        for pattern, new, what in PILLARS:
            for hit in pattern.finditer(code):
                changed = code[: hit.start()] + new + code[hit.end() :]
                yield as_is(changed, f"{what} in {code.strip()[:70]}")
        for old, new in TURNS:
            for found in re.finditer(re.escape(old), code):
                if code.count("'", 0, found.start()) % 2 and old != "'XX', ":
                    continue  # words of a reason
                changed = code[: found.start()] + new + code[found.end() :]
                yield as_is(changed, f"{old.strip()} → {new.strip() or 'nothing'} in {code.strip()[:70]}")


def killed(mutant: Mutant, server: object) -> bool:
    """Say whether a test notices *mutant*."""
    from tests.store import test_store_guards, test_store_machine
    from workers.store import Store
    from workers.store.lua import Scripts

    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(io.StringIO()):
        folder = Path(name)
        for script in SHIPPED.glob("*.lua"):
            shutil.copy(script, folder)
        (folder / f"{mutant.script}.lua").write_text(mutant.text, encoding="utf-8")
        signal.alarm(LONGEST)  # a broken script may have its caller ask for ever
        try:
            for invariant in dict.fromkeys(case.invariant for case in test_store_guards.CASES):
                store = Store.connect(server.fresh())  # type: ignore[attr-defined]  # tests.servers.valkey.Valkey
                store.scripts = Scripts(store.scripts.client, folder)
                try:
                    store.prepare()
                    invariant(store)
                finally:
                    store.close()
            machine = type("Mutated", (test_store_machine.Ledger,), {"server": server, "folder": folder})
            test_store_machine.play(machine, 25, 20, shrink=False)
        except BaseException as caught:
            if isinstance(caught, KeyboardInterrupt):
                raise
            return True
        finally:
            signal.alarm(0)
    return False


def _too_long(*_: object) -> None:
    raise TimeoutError


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scripts", nargs="*", default=list(SCRIPTS))
    parser.add_argument("--each", type=int, default=1000, help="mutants of each script")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from tests.servers.valkey import start_valkey

    signal.signal(signal.SIGALRM, _too_long)
    rng = random.Random(asked.seed)  # noqa: S311 -- a sample that can be drawn again
    survivors, tried, began = [], 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder, start_valkey(Path(folder)) as server:
        sound = Mutant("renew", 0, "as it is", (SHIPPED / "renew.lua").read_text(encoding="utf-8"))
        if killed(sound, server):
            print("the tests fail on the scripts as they are")
            return 1
        for script in asked.scripts:
            every = list(mutants(script))
            drawn = rng.sample(every, min(asked.each, len(every)))
            dead = [mutant for mutant in drawn if killed(mutant, server)]
            alive = [mutant for mutant in drawn if mutant not in dead]
            tried += len(drawn)
            survivors += alive
            print(f"{script}: {len(dead)} of {len(drawn)} killed", flush=True)
            for mutant in alive:
                print(f"  workers/store/{script}.lua:{mutant.line} {mutant.what}", flush=True)
    print(f"{tried - len(survivors)} of {tried} killed in {time.monotonic() - began:.0f} s")
    return 0 if tried - len(survivors) >= ENOUGH * tried else 1


if __name__ == "__main__":
    sys.exit(main())
