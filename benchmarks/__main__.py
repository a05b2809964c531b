"""Run every benchmark, one after the other; exits with the number of those that missed their claim."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ORDER = ("settings", "classify", "cadence", "refresh")


def main() -> int:
    missed = 0
    for name in ORDER:
        if not (HERE / f"{name}.py").exists():
            continue
        print(f"\n-- {name} --", flush=True)
        missed += (
            subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=HERE.parent).returncode != 0
        )
    return missed


if __name__ == "__main__":
    sys.exit(main())
