"""17TRACK goes silent for a stuck parcel and ParcelsApp knows better: in real processes, to a real mail server."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.servers import program as programs
from tests.servers.parcelsapp import ParcelsAppServer, state
from tests.servers.program import Program, wait_for
from tests.servers.seventeentrack import SeventeenTrackServer, event
from tests.servers.sms import SmsServer
from tests.servers.smtp import SmtpServer

NUMBER = "LP00990000000001"
PARCEL = f"{NUMBER}/{NUMBER}"


def ago(**length: float) -> datetime:
    return (datetime.now(UTC) - timedelta(**length)).replace(microsecond=0)


def words(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return " ".join(str(body.get_content()).split())


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX")
def test_who_knows_better_is_asked_and_the_mail_says_who_says_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        SeventeenTrackServer(rate=3.0) as track, ParcelsAppServer() as app, SmtpServer() as smtp, SmsServer(keyed=True) as sms,
    ):  # fmt: skip
        second = f'  app: {{{{kind: parcelsapp, token: test-key, base_url: "{app.url}", allow_hosts: [127.0.0.1], poll_every: 0.2}}}}\n'
        monkeypatch.setattr(programs, "HEAD", programs.HEAD.replace("worker:", second + "worker:"))
        entered = ago(days=40)
        track.set_events(
            NUMBER,
            [
                event(ago(days=55).isoformat(), "Received by logistics company", sub_status="InTransit_PickedUp", country="CN"),
                event(ago(days=42).isoformat(), "Arrived in destination country/region", sub_status="InTransit_Arrival", country="ES"),
                event(entered.isoformat(), "Import customs clearance started", sub_status="InTransit_CustomsProcessing", country="ES"),
            ],
            destination="ES",
        )  # fmt: skip
        # ParcelsApp fails at first, and its first look dies with the workers: what is to be asked is not lost by it.
        asked = f"{ago(days=2):%Y-%m-%dT%H:%M:%SZ}"
        app.set_states(
            NUMBER,
            [
                state(f"{entered:%Y-%m-%dT%H:%M:%SZ}", "Import customs clearance started", "Madrid, Spain"),
                state(asked, "Import duties and taxes are due. Awaiting payment by the recipient", "Madrid, Spain"),
            ],
            destinationCode="ES",
            destination="Spain",
        )  # fmt: skip
        with Program(tmp_path, [NUMBER], track, smtp, sms) as program:
            wait_for(lambda: bool(app.posted), "ParcelsApp to be asked, for the parcel is stuck")
            program.kill_all_workers()

            def told() -> bool:
                program.supervisor.look_after()
                return program.stages() == {"payment_due": 1}

            wait_for(told, f"the demand that only ParcelsApp shows; stands {program.stages()}", seconds=150)
            wait_for(lambda: "payment_due" in _stages(program), "the mail about it", seconds=30)
            wait_for(
                lambda: not program.store.unsettled(within=timedelta(seconds=1)),
                "the end of all that is owed",
                seconds=30,
            )

        mails = [mail.message for mail in smtp.journal]
        first, last = words(mails[0]), words(mails[-1])
        assert "ParcelsApp" not in mails[0]["Subject"]
        assert first != last
        assert "17TRACK has shown nothing new since" in last
        assert "it still shows: in customs" in last
        assert "ParcelsApp shows: payment asked, since" in last
        assert "shown by 17TRACK and ParcelsApp" in last  # both saw the clearance begin
        known = [number for batch in app.posted for one in batch for number in [one["trackingId"]]]
        assert set(known) == {NUMBER}
        assert len(mails) == len({mail["X-Customs-Watch-Notice"] for mail in mails}), "a mail arrived twice"


def _stages(program: Program) -> set[str]:
    return {row.stage for row in program.store.notices(states=("sent",)) if row.channel == "mail"}
