"""What the shipped unit and compose file grant a stopping program is longer than it takes."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from workers import supervise
from workers.engine import server

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "contrib" / "customs-watch.service"


def unit() -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None, strict=False)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]  # systemd minds the case
    parsed.read(UNIT)
    return parsed


def test_systemd_tells_the_supervisor_alone_and_kills_all_that_is_left() -> None:
    service = unit()["Service"]
    assert service["KillMode"] == "mixed"
    assert service["KillSignal"] == "SIGTERM"
    needed = supervise.DRAIN + timedelta(seconds=server.STOPPING)
    assert timedelta(seconds=int(service["TimeoutStopSec"])) > needed
    assert service["Restart"] == "always"
    assert service["RestartPreventExitStatus"] == "2", "a wrong file is not tried again and again"


def test_systemd_understands_every_line() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd here")
    said = subprocess.run(
        ["systemd-analyze", "verify", str(UNIT)], capture_output=True, text=True, timeout=60, check=False
    )
    odd = [
        line
        for line in said.stderr.splitlines()
        if "customs-watch.service" in line and "not executable" not in line
    ]
    assert odd == []


def test_compose_waits_longer_than_a_worker_drains() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    for name in ("scheduler", "worker"):
        grace = re.fullmatch(r"(\d+)s", compose["services"][name]["stop_grace_period"])
        assert grace is not None
        assert timedelta(seconds=int(grace[1])) > supervise.DRAIN
