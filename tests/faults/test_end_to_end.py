"""The whole program in real processes: an embedded server, a scheduler, two workers, a 17TRACK, a mail server and an SMS gateway
of our own. Asserts on what arrived there, never on what we believe we sent.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.program import Program, wait_for
from tests.servers.seventeentrack import SeventeenTrackServer, event
from tests.servers.sms import SmsServer
from tests.servers.smtp import SILENCE, SmtpServer

NUMBERS = [f"LP0077000000{i:04d}" for i in range(8)]
TO_PAY = NUMBERS[:5]


def ago(**length: float) -> str:
    return (datetime.now(UTC) - timedelta(**length)).replace(microsecond=0).isoformat()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with (
        SeventeenTrackServer(rate=3.0) as track,
        SmtpServer() as smtp,
        SmsServer(keyed=True) as sms,
        Program(tmp_path, NUMBERS, track, smtp, sms) as running,
    ):
        yield running


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX")
def test_parcels_move_through_customs_and_nothing_arrives_twice_though_every_worker_is_killed(
    program: Program,
) -> None:
    for number in NUMBERS:
        program.track.set_events(
            number,
            [
                event(ago(days=9), "Received by logistics company", sub_status="InTransit_PickedUp", country="CN"),
                event(ago(days=7), "Export customs clearance complete", sub_status="InTransit_CustomsReleased", country="CN"),
                event(ago(days=2), "Arrived in destination country/region", sub_status="InTransit_Arrival", country="ES"),
            ],
            destination="ES",
        )  # fmt: skip

    # History is silent: eight parcels with old events, and not a word.
    wait_for(
        lambda: program.stages() == {"arrived_destination": 8}, f"the first look; stands {program.stages()}"
    )
    assert program.mails() == []
    assert program.texts() == []

    # They enter customs while we watch: one mail and one SMS each.
    for number in NUMBERS:
        program.track.push_event(
            number,
            event(ago(minutes=50), "Import customs clearance started", sub_status="InTransit_CustomsProcessing", country="ES"),
        )  # fmt: skip
    program.look_now()
    wait_for(lambda: program.stages() == {"import_customs": 8}, "all eight to enter customs")
    wait_for(lambda: len(program.mails()) >= 8 and len(program.texts()) >= 8, "eight mails and eight texts")

    # Five are asked to pay. The mail server stops answering, so that every mail is in the middle of its way; then every worker dies.
    program.smtp.fail("data", SILENCE, times=len(TO_PAY))
    for number in TO_PAY:
        program.track.push_event(
            number,
            event(
                ago(minutes=5), "Import duties and taxes are due. Awaiting payment by the recipient",
                sub_status="InTransit_CustomsProcessing", country="ES",
            ),
        )  # fmt: skip
    program.look_now()
    wait_for(lambda: program.stages() == {"payment_due": 5, "import_customs": 3}, "five to be asked to pay")
    wait_for(lambda: len(program.texts()) == 13, "five more texts")
    wait_for(lambda: program.smtp.commands.count("DATA") == 13, "five mails in the middle of their way")
    assert len(program.store.notices(states=("sending",))) == 5
    assert len(program.mails()) == 8
    program.kill_all_workers()
    program.smtp.drop_all()

    # The supervisor starts new ones; the leases of the dead run out; the five mails arrive after all.
    def revived() -> bool:
        program.supervisor.look_after()
        return len(program.mails()) == 13

    wait_for(revived, "the five mails after the workers died", seconds=90)

    # And on: customs lets all of them go.
    for number in NUMBERS:
        program.track.push_event(
            number,
            event(ago(minutes=1), "Import customs clearance complete", sub_status="InTransit_CustomsReleased", country="ES"),
        )  # fmt: skip
    program.look_now()
    wait_for(lambda: program.stages()["released"] == 8, f"the release; stands {program.stages()}")
    wait_for(lambda: not program.store.unsettled(within=timedelta(seconds=65)), "quiet")

    mails, texts = Counter(program.mails()), Counter(program.texts())
    assert max(mails.values()) == 1, "a mail arrived twice"
    assert max(texts.values()) == 1, "a text arrived twice"
    assert len(mails) == len(texts)
    assert set(mails) | set(texts) == {row.id for row in program.store.notices(states=("sent",))}
    asked = {mail.message["X-Customs-Watch-Notice"]: mail.message for mail in program.smtp.journal}
    urgent = [m for m in asked.values() if "pay" in m["Subject"].lower() or "charges" in m["Subject"].lower()]
    assert len(urgent) >= len(TO_PAY)
    registered = Counter(
        n for call in program.track.calls if call.endpoint == "register" for n in call.numbers
    )
    assert max(registered.values()) == 1, "a number was registered twice: that costs quota"
    assert all(len(call.items) <= 40 for call in program.track.calls)
    assert program.store.counts().get("crashes", 0) >= len(TO_PAY), (
        "the kill hit nobody: the test would prove nothing"
    )
