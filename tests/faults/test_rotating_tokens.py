"""AliExpress's tokens in real processes: renewed once for all workers, kept when these are killed, never used up twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.aliexpress import KEY, SECRET, AliExpressServer, line, node
from tests.servers.program import Program, wait_for
from tests.servers.seventeentrack import SeventeenTrackServer
from tests.servers.sms import SmsServer
from tests.servers.smtp import SmtpServer

NUMBERS = [f"LP0077000000{i:04d}" for i in range(8)]


def order_of(number: str) -> str:
    return f"81{number[2:]}"


class Shop(Program):
    """The program with an AliExpress account as its only source; ``url`` is set before it is made."""

    url = ""

    def watch(self, *numbers: str) -> None:
        orders = "".join(
            f'  - {{title: Parcel {n[-1]}, tracking: {n}, order: "{order_of(n)}", to: ES}}\n' for n in numbers
        )
        self.config.write_text(
            f"sources:\n  ae: {{kind: aliexpress, app_key: '{KEY}', app_secret: {SECRET}, refresh_token: test-refresh-0,"
            f" base_url: '{self.url}', allow_hosts: [127.0.0.1], rate: 50, batch: 1}}\n"
            "channels: {box: {kind: outbox, folder: out}}\nrecipients: {ana: {email: ana@example.org, channels: [box]}}\n"
            f"orders:\n{orders}"
        )

    def look_now(self) -> None:
        self.store.postpone("ae", list(self.settings.parcels), after=timedelta(0))


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_workers_share_one_pair_of_tokens_through_ends_and_kills(tmp_path: Path) -> None:
    at = (datetime.now(UTC) - timedelta(days=1)).replace(microsecond=0).isoformat()
    with (
        AliExpressServer() as server,
        SeventeenTrackServer() as track,
        SmtpServer() as smtp,
        SmsServer(keyed=True) as sms,
    ):
        for number in NUMBERS:
            server.set_order(order_of(number), [line(number, [node(at, "Import customs clearance started")])])
        server.token_latency = 0.2
        Shop.url = server.origin
        with Shop(tmp_path, NUMBERS, track, smtp, sms) as program:

            def asked(times: int) -> bool:
                seen = [call["ae_order_id"] for call in server.calls if "method" in call]
                return all(seen.count(order_of(number)) >= times for number in NUMBERS)

            wait_for(lambda: program.stages()["import_customs"] == len(NUMBERS), "all orders to be read")
            assert server.renewals == 1
            server.end_access()
            program.look_now()
            wait_for(lambda: asked(2), "a look with tokens that ended elsewhere")
            assert server.renewals == 2
            program.kill_all_workers()
            program.look_now()

            def revived() -> bool:
                program.supervisor.look_after()
                return asked(3)

            wait_for(revived, "a look of workers that were started anew", seconds=120)
            assert server.renewals == 2, "what the dead workers got is in the store"
            assert not program.store.source_health()["ae"].failures
