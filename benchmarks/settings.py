"""How long 10,000 orders take to load, beside what PyYAML's C parser alone needs for the same file. Exits 1 above 3×.

Both are timed in turn, round by round, in this process; the ratio is taken within each round.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, SecretStr

from workers import settings

LIMIT = 3.0
TITLES = ("Bluetooth headphones", "Desk lamp: the blue one", "USB-C cable, 2 m", "Phone case", "LED strip #5")


class Kind(BaseModel):
    """A source and a channel of no consequence."""

    model_config = ConfigDict(extra="forbid")
    token: SecretStr = SecretStr("")


def orders_file(orders: int, *, full: bool) -> str:
    """Return a file of *orders*: the few keys most people write, or every key there is."""
    dice = random.Random(17)
    lines = [
        "sources: {track: {kind: track, token: x}}",
        "recipients:",
        "  anna: {email: anna@example.org}",
        "orders:",
    ]
    for i in range(orders):
        lines += [
            f"  - title: '{dice.choice(TITLES)} {i}'",
            f"    tracking: LP{i:014d}",
            f"    to: {dice.choice(('DE', 'FR', 'GB', 'NO', 'US'))}",
            f"    value: {dice.randrange(100, 20000) / 100:.2f} EUR",
            f"    vat_paid: {dice.choice(('yes', 'no', 'unknown', '4.54 EUR'))}",
        ]
        if full:
            lines += [
                f"    id: order-{i}",
                "    from: CN",
                "    postcode: '10115'",
                "    shipping: 1.99 EUR",
                "    items: 2",
                "    category: electronics",
                "    hs_code: 8518.30",
                "    duty_paid: unknown",
                "    import_charges_paid: no",
                "    shop: AliExpress",
                "    seller: Sunny Store",
                f"    order: '81{i:014d}'",
                f"    link: https://www.aliexpress.com/p/order/detail.html?orderId=81{i:014d}",
                "    ordered: 2026-10-01",
                "    protected_until: 2026-12-20",
                "    carrier: cainiao",
                "    source: track",
                "    tell: [anna]",
                "    mute: no",
            ]
    return "\n".join(lines) + "\n"


def seconds(work: Callable[[], object]) -> float:
    """Return how long *work* takes, from a clean slate of the collector."""
    gc.collect()
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def measure(name: str, text: str, orders: int, rounds: int) -> float:
    """Print one line of the table and return the median ratio."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "orders.yaml"
        file.write_text(text)
        file.chmod(0o600)

        def load() -> None:
            loaded = settings.load(
                file, source_model=lambda _: Kind, channel_model=lambda _: Kind, environ={}
            )
            assert len(loaded.orders) == len(loaded.parcels) == orders

        def parse() -> None:
            assert len(yaml.load(text, Loader=yaml.CSafeLoader)["orders"]) == orders

        load()
        parse()
        pairs = [(seconds(load), seconds(parse)) for _ in range(rounds)]
    ratios = sorted(ours / theirs for ours, theirs in pairs)
    ratio = statistics.median(ratios)
    ours = statistics.median(pair[0] for pair in pairs)
    theirs = statistics.median(pair[1] for pair in pairs)
    print(
        f"{name:<22} {len(text) / 1e6:5.1f} MB   settings.load {ours:6.3f} s   yaml.CSafeLoader {theirs:6.3f} s   "
        f"ratio {ratio:5.2f}  ({ratios[0]:.2f} to {ratios[-1]:.2f} in {rounds} rounds)"
    )
    return ratio


def main() -> int:
    """Measure; return the exit status."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--orders", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=7)
    chosen = options.parse_args()
    ratios = [
        measure(
            f"{chosen.orders} orders, {name}",
            orders_file(chosen.orders, full=full),
            chosen.orders,
            chosen.rounds,
        )
        for name, full in (("5 keys", False), ("24 keys", True))
    ]
    worst = max(ratios)
    print(f"the limit is {LIMIT}×: {'kept' if worst <= LIMIT else 'BROKEN'}")
    return 0 if worst <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
