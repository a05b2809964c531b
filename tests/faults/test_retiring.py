"""17TRACK is told, by the real program, that a parcel was taken from the file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.program import Program, wait_for
from tests.servers.seventeentrack import SeventeenTrackServer, event
from tests.servers.sms import SmsServer
from tests.servers.smtp import SmtpServer

FIRST, SECOND = "LP00880000000001", "LP00880000000002"


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_parcel_taken_from_the_file_is_followed_by_nobody(tmp_path: Path) -> None:
    at = (datetime.now(UTC) - timedelta(days=2)).replace(microsecond=0).isoformat()
    with (
        SeventeenTrackServer(rate=None) as track,
        SmtpServer() as smtp,
        SmsServer(keyed=True) as sms,
        Program(tmp_path, [FIRST, SECOND], track, smtp, sms) as program,
    ):
        for number in (FIRST, SECOND):
            track.set_events(number, [event(at, "Arrived in destination country/region", country="ES")])
        wait_for(lambda: set(track.registered) == {FIRST, SECOND}, "both to be registered")
        program.watch(SECOND)
        wait_for(lambda: track.parcel(FIRST).stopped, "17TRACK to be told")
        assert not track.parcel(SECOND).stopped
        assert track.used == 2
        stops = [call for call in track.calls if call.endpoint == "stoptrack"]
        assert [call.numbers for call in stops] == [[FIRST]]
