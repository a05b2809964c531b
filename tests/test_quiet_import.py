"""Importing any module of ours opens no socket, reads no file, starts nothing and sets no global broker."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

WATCH = r"""
import importlib, json, pkgutil, sys, threading
LOUD = ("open", "socket.connect", "socket.bind", "subprocess.Popen", "os.fork", "os.mkdir", "os.rename", "os.remove")
met, folder = [], sys.argv[1]

def hook(event, args):
    if event not in LOUD:
        return
    if event == "open" and str(args[0]).startswith((sys.prefix, sys.base_prefix)):
        return  # a library looking at the environment it is installed in, as pydantic does for its plugins
    frame = sys._getframe(1)
    while frame is not None:
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        if "importlib" in file and "bootstrap" in file:
            return  # the import system reading a module
        if name == "<module>":  # whoever is being imported right now did it
            if file.startswith(folder):
                met.append([event, repr(args[:1])[:120], f"{file}:{frame.f_lineno}"])
            return
        frame = frame.f_back

sys.addaudithook(hook)
before = threading.active_count()
for name in sys.argv[2:] or ["workers"]:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(getattr(package, "__path__", []), name + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
import dramatiq.broker
print(json.dumps({"met": met, "broker": dramatiq.broker.global_broker is not None, "threads": threading.active_count() - before,
                  "modules": sum(m.startswith(name) for m in sys.modules)}))
"""


def _import(folder: Path, *names: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", WATCH, str(folder), *names],
        cwd=folder.parent if folder.name == "workers" else folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return dict(json.loads(done.stdout))


def test_importing_every_module_does_nothing_else() -> None:
    told = _import(ROOT / "workers")
    assert told["met"] == []
    assert told["broker"] is False
    assert told["threads"] == 0
    assert int(str(told["modules"])) > 60


@pytest.mark.parametrize(
    ("body", "event"),
    [
        ("open(__file__).close()", "open"),
        ("import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.close()", "socket.bind"),
        ("import pathlib; pathlib.Path(__file__).read_text()", "open"),
    ],
)
def test_the_watch_sees_a_module_that_does(tmp_path: Path, body: str, event: str) -> None:
    (tmp_path / "loud.py").write_text(body + "\n")
    told = _import(tmp_path, "loud")
    assert [m[0] for m in told["met"]] == [event]  # type: ignore[attr-defined]  # JSON of our own
