"""Build the wheel, install it in an empty environment outside the checkout, and run the demonstration from there.

A script, not a test module: it needs minutes and a package registry. Ends with "3 passed, 0 failed" or a sentence of what is wrong.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SECRET = "a-password-that-must-not-travel"


def run(*argv: str, cwd: Path, **environ: str) -> str:
    done = subprocess.run(
        argv, cwd=cwd, env={**os.environ, **environ}, capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def built(folder: Path) -> Path:
    """Build the wheel while the user's own orders lie in config/: they must not get in."""
    own = ROOT / "config" / "orders.yaml"
    decoy = not own.exists()
    if decoy:
        own.write_text(f"channels: {{mail: {{password: {SECRET}}}}}\n")
    try:
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), cwd=ROOT)
    finally:
        if decoy:
            own.unlink()
    return next(folder.glob("*.whl"))


def inspect(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        leaked = [n for n in names if n.endswith("config/orders.yaml") or SECRET.encode() in packed.read(n)]
        assert not leaked, f"the user's own orders are in the wheel: {leaked}"
    for needed in ("templates/layout/email.html.j2", "config/orders.example.yaml", "config/demo/orders.yaml"):
        assert f"workers/_shipped/{needed}" in names, f"{needed} is not in the wheel"
    for needed in ("workers/knowledge/advice.yaml", "workers/store/commit.lua"):
        assert needed in names, f"{needed} is not in the wheel"
    outside = [n for n in names if not n.startswith("workers/") and ".dist-info/" not in n]
    assert not outside, f"the wheel would scatter files: {outside[:5]}"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = built(folder)
        inspect(wheel)
        print("the wheel holds what it must, and not the user's orders")

        lock = (ROOT / "requirements.lock").read_text()
        # A constraint names no extras: pip refuses `coverage[toml]==…` there, and takes it as a requirement.
        pins = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?(==[^ \\\n]+[^\\\n]*)", lock, re.MULTILINE)
        (folder / "constraints.txt").write_text("".join(f"{name}{pin.strip()}\n" for name, pin in pins))
        run(sys.executable, "-m", "venv", "env", cwd=folder)
        python = folder / "env" / "bin" / "python"
        run(
            str(python),
            "-m",
            "pip",
            "install",
            "-q",
            "-c",
            "constraints.txt",
            f"{wheel}[embedded]",
            cwd=folder,
        )
        away = folder / "away"
        away.mkdir()
        environ = {"HOME": str(away), "PYTHONPATH": "", "PYTHONSAFEPATH": "1"}
        command = str(folder / "env" / "bin" / "customs-watch")
        first = run(command, "demo", cwd=away, **environ)
        assert "Sent: " in first, first
        letters = list(away.glob("var/demo/var/outbox/*.eml"))
        assert letters, "the demonstration left no message"
        print(f"the demonstration ran from the wheel and left {len(letters)} mails")
        again = run(command, "demo", cwd=away, **environ)
        assert "Nothing new" in again, again
        assert list(away.glob("var/demo/var/outbox/*.eml")) == letters, "the second run sent something"
        print("the second run sent nothing")
    print("3 passed, 0 failed")


if __name__ == "__main__":
    main()
