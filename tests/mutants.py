"""Break the deciders one small way at a time and see whether their tests notice; prints who survived.

``python tests/mutants.py [--each N] [--seed N] [--jobs N] [module ...]``. Collects the tests once, then forks for each
mutant, swaps the code of the functions concerned and runs the tests until one fails. What is broken: comparisons, and/or,
not, arithmetic, numbers, flags, words, conditions, returned values, min/max, members of sets and lists; in functions and
in the constants of a module. Not broken: signatures, decorators, docstrings, annotations, the words of an exception, ``__all__``.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import os
import random
import signal
import sys
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TESTS = {
    "rules": ["core/test_rules.py", "knowledge/test_countries.py", "core/test_rules_properties.py"],
    "assess": ["core/test_rules.py", "knowledge/test_countries.py", "core/test_rules_properties.py"],
    "advise": ["core/test_advise.py", "knowledge/test_advice.py"],
    "notices": ["core/test_notices.py", "knowledge/test_advice_over_time.py", "stories/test_notices_over_time.py"],
    "forecast": ["core/test_forecast.py", "core/test_forecast_learning.py"],
    "history": ["core/test_forecast_learning.py"],
    "causes": ["core/test_causes.py"],
}  # fmt: skip
ENOUGH = 0.9
LONGEST = 40  # seconds: a mutant that loops is noticed too


@dataclass(frozen=True)
class Mutant:
    """One change: which node of the module's tree, in which function or constant, and what it becomes."""

    index: int  # of the node in ast.walk
    choice: int
    line: int
    where: str  # qualified name of the outermost function, or the constant
    what: str


SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
Change = tuple[str, Callable[[], object]]  # what it becomes, and the deed; done on a tree of its own


def changes(node: ast.AST) -> list[Change]:  # noqa: C901 -- one case for each kind of node
    """Return the ways to break *node* itself, its children left alone."""
    out: list[Change] = []

    def put(field: str, value: object, what: str) -> None:
        out.append((what, lambda: setattr(node, field, value)))

    match node:
        case ast.Compare(ops=[op]) if type(op) in SWAPS:
            put("ops", [SWAPS[type(op)]()], f"{type(op).__name__} -> {SWAPS[type(op)].__name__}")
        case ast.BoolOp(op=op) | ast.BinOp(op=op) if type(op) in SWAPS:
            put("op", SWAPS[type(op)](), f"{type(op).__name__} -> {SWAPS[type(op)].__name__}")
        case ast.UnaryOp(op=ast.Not()):
            put("op", ast.UAdd(), "not -> +")
        case ast.Constant(value=bool() as flag):
            put("value", not flag, f"{flag} -> {not flag}")
        case ast.Constant(value=int() | float() as number):
            put("value", number + 1, f"{number} -> {number + 1}")
        case ast.Constant(value=str() as word):
            put("value", word + "x", f"{word[:20]!r} -> {word[:20] + 'x'!r}")
        case ast.If() | ast.IfExp():
            put("test", ast.UnaryOp(ast.Not(), node.test), f"if not: {ast.unparse(node.test)[:60]}")
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            put("value", ast.Constant(None), "return None")
        case ast.Name(id=name) if name in NAMES:
            put("id", NAMES[name], f"{name} -> {NAMES[name]}")
        case ast.Set(elts=elts) | ast.List(elts=elts) if len(elts) > 1:
            for i, member in enumerate(elts):
                put("elts", elts[:i] + elts[i + 1 :], f"without {ast.unparse(member)[:40]}")
    return out


def mutants(tree: ast.Module) -> Iterator[Mutant]:
    """Return every mutant of a module."""
    index = {id(node): i for i, node in enumerate(ast.walk(tree))}
    for where, body in _places(tree):
        for node in body:
            for choice, (what, _) in enumerate(changes(node)):
                yield Mutant(index[id(node)], choice, getattr(node, "lineno", 0), where, what)


def _places(tree: ast.Module) -> Iterator[tuple[str, list[ast.AST]]]:
    for statement in tree.body:
        match statement:
            case ast.FunctionDef(name=name):
                yield name, list(_inside(statement.body))
            case ast.ClassDef(name=name):
                for inner in statement.body:
                    if isinstance(inner, ast.FunctionDef):
                        yield f"{name}.{inner.name}", list(_inside(inner.body))
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if name != "__all__":
                yield name, list(_inside([value]))


def _inside(nodes: list[ast.stmt] | list[ast.expr]) -> Iterator[ast.AST]:
    for node in nodes:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        yield from _walk(node)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Raise | ast.JoinedStr):
        return  # the words of an error or a sentence
    yield node
    for name, child in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "args") and isinstance(
            node, ast.AnnAssign | ast.FunctionDef | ast.Lambda
        ):
            continue
        for each in child if isinstance(child, list) else [child]:
            if isinstance(each, ast.AST):
                yield from _walk(each)


def apply(mutant: Mutant, module: types.ModuleType) -> None:
    """Put the broken code into the living module, and a broken constant wherever it was imported to."""
    file = module.__file__ or ""
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    node = next(n for i, n in enumerate(ast.walk(tree)) if i == mutant.index)
    changes(node)[mutant.choice][1]()
    broken = compile(ast.fix_missing_locations(tree), file, "exec")
    living = module.__dict__
    function = _function(living, mutant.where)
    if function is not None:
        function.__code__ = next(c for c in _codes(broken) if c.co_qualname == mutant.where)
        return
    fresh = types.ModuleType(module.__name__)
    fresh.__dict__["__file__"] = file
    sys.modules[module.__name__], kept = fresh, module
    exec(broken, fresh.__dict__)  # noqa: S102 -- our own source, broken on purpose
    sys.modules[module.__name__] = kept
    old = living[mutant.where]
    for other in list(sys.modules.values()):
        name = getattr(other, "__name__", "")
        if name.startswith("workers") and other.__dict__.get(mutant.where) is old:
            setattr(other, mutant.where, fresh.__dict__[mutant.where])


def _function(living: dict[str, object], where: str) -> types.FunctionType | None:
    owner, _, name = where.rpartition(".")
    found = inspect.getattr_static(living[owner], name) if owner else living[name]
    if isinstance(found, property):
        found = found.fget
    if isinstance(found, classmethod | staticmethod):
        found = found.__func__
    found = inspect.unwrap(found) if callable(found) and not isinstance(found, type) else found
    return found if isinstance(found, types.FunctionType) else None


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield const
            yield from _codes(const)


class Hunt:
    """A pytest plugin: in place of one run of the tests, one run per mutant, each in a child of its own."""

    def __init__(self, module: str, each: int, seed: int, jobs: int) -> None:
        self._module = importlib.import_module(f"workers.core.{module}")
        source = Path(self._module.__file__ or "").read_text(encoding="utf-8")
        every = list(mutants(ast.parse(source)))
        self.all = len(every)
        rng = random.Random(f"{seed}{module}")  # noqa: S311 -- a sample that can be drawn again
        self._sample = rng.sample(every, min(each, len(every)))
        self._jobs = jobs
        self.survived: list[Mutant] = []
        self.hunted = 0
        self.sound = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        # Tests that draw examples or simulate are slow: whoever is killed by the others need not wait for them, and
        # the simulations are there for the estimator alone.
        session.items.sort(key=lambda item: "properties" in item.nodeid)
        session.items[:] = [item for item in session.items if "half_are_through" not in item.nodeid]
        if "tests.stories.lives" in sys.modules:
            sys.modules["tests.stories.lives"].known()  # loaded once here, not in every child
        self.sound = self._wait({self._start(session, None): None}) == [True]
        running: dict[int, Mutant | None] = {}
        for mutant in self._sample if self.sound else ():
            running[self._start(session, mutant)] = mutant
            if len(running) >= self._jobs:
                self._note(running)
        while running:
            self._note(running)
        return True

    def _note(self, running: dict[int, Mutant | None]) -> None:
        pid, status = os.wait()
        mutant = running.pop(pid)
        self.hunted += 1
        if status == 0 and mutant is not None:
            self.survived.append(mutant)

    def _wait(self, running: dict[int, None]) -> list[bool]:
        return [os.waitpid(pid, 0)[1] == 0 for pid in running]

    def _start(self, session: pytest.Session, mutant: Mutant | None) -> int:
        pid = os.fork()
        if pid:
            return pid
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        signal.alarm(LONGEST)
        code = 1
        try:
            if mutant is not None:
                apply(mutant, self._module)
            failed: list[str] = []
            session.config.pluginmanager.register(_Ear(failed))
            for i, item in enumerate(session.items):
                following = session.items[i + 1] if i + 1 < len(session.items) else None
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if failed:
                    break
            code = bool(failed)
        finally:
            os._exit(code)


class _Ear:
    def __init__(self, failed: list[str]) -> None:
        self._failed = failed

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed.append(report.nodeid)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(TESTS), help="of workers.core")
    parser.add_argument("--each", type=int, default=40, help="mutants of each module")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    os.chdir(ROOT)
    good = True
    for module in asked.modules:
        began = time.monotonic()
        hunt = Hunt(module, asked.each, asked.seed, asked.jobs)
        files = [f"tests/{file}" for file in TESTS[module]]
        pytest.main(
            ["-p", "no:randomly", "-p", "no:terminal", *files],
            plugins=[hunt],
        )
        if not hunt.sound:
            print(f"{module}: its tests fail as they are")
            return 1
        killed = hunt.hunted - len(hunt.survived)
        good = good and killed >= ENOUGH * hunt.hunted
        print(
            f"{module}: {killed} of {hunt.hunted} killed ({killed / hunt.hunted:.0%}), "
            f"{len(hunt.survived)} survived; sampled of {hunt.all}, {time.monotonic() - began:.0f} s"
        )
        for mutant in sorted(hunt.survived, key=lambda m: m.line):
            print(f"  workers/core/{module}.py:{mutant.line} {mutant.where}: {mutant.what}")
        sys.stdout.flush()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
