"""The user's file is read again while the program runs; a mistake keeps the last good one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.program import Program, wait_for
from tests.servers.seventeentrack import SeventeenTrackServer, event
from tests.servers.sms import SmsServer
from tests.servers.smtp import SmtpServer

FIRST, SECOND, THIRD = (f"LP0088000000{i:04d}" for i in range(3))


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_orders_come_and_go_while_the_program_runs_and_a_mistake_stops_nothing(tmp_path: Path) -> None:
    at = (datetime.now(UTC) - timedelta(days=2)).replace(microsecond=0).isoformat()
    with (
        SeventeenTrackServer(rate=None) as track,
        SmtpServer() as smtp,
        SmsServer(keyed=True) as sms,
        Program(tmp_path, [FIRST], track, smtp, sms) as program,
    ):
        for number in (FIRST, SECOND, THIRD):
            track.set_events(
                number, [event(at, "Arrived in destination country/region", country="ES")], destination="ES"
            )

        def stage(number: str) -> str:
            known = program.store.recall(f"{number}/{number}")
            return known.stage if known else ""

        wait_for(lambda: stage(FIRST) == "arrived_destination", "the first order")

        program.watch(FIRST, SECOND)
        wait_for(lambda: stage(SECOND) == "arrived_destination", "an order added while running")

        good = program.config.read_text()
        program.config.write_text(good.replace("tracking:", "traking:"))
        program.store.postpone("track", [f"{FIRST}/{FIRST}", f"{SECOND}/{SECOND}"], after=timedelta(0))
        asked = len(track.calls)
        wait_for(lambda: len(track.calls) > asked, "a look with the last good file")

        program.watch(SECOND, THIRD)
        wait_for(lambda: stage(THIRD) == "arrived_destination", "an order added after the mistake was mended")
        wait_for(lambda: program.store.count_watched("track") == 2, "the first order to be let go")
        assert program.store.recall(f"{FIRST}/{FIRST}") is not None, "its history is kept"
