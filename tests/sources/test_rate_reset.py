"""A refusal without Retry-After still says when the window ends, where the service sends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.servers._faulty import Reply
from tests.servers.aftership import AfterShipServer
from workers.errors import Temporary
from workers.sources import Ask, aftership
from workers.sources._waits import reset_after

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SOON = str(int(NOW.timestamp()) + 40)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"ratelimit-reset": "12"}, 12),
        ({"x-ratelimit-reset": "3.5"}, 3.5),
        ({"x-ratelimit-reset": SOON}, 40),
        ({"ratelimit-reset": "x", "x-ratelimit-reset": SOON}, 40),
        ({"x-ratelimit-reset": "1e300"}, 86_400),
        ({"x-ratelimit-reset": str(int(NOW.timestamp() * 1000) + 2500)}, 2.5),
        ({"x-ratelimit-reset": "2026-11-24T08:00:30Z"}, 30),
        ({"x-ratelimit-reset-after": "8.5"}, 8.5),
        ({"x-rate-limit-reset": SOON}, 40),
        ({"ratelimit": '"burst";r=0;t=3, "day";r=0;t=70'}, 70),
        ({"ratelimit": '"default";r=0'}, None),
        (
            {"x-ratelimit-reset": str(int(NOW.timestamp()) + 3700), "date": "Tue, 24 Nov 2026 09:00:00 GMT"},
            100,
        ),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) - 5)}, None),
        ({"x-ratelimit-reset": "0"}, None),
        ({"x-ratelimit-reset": "nan"}, None),
        ({"x-ratelimit-reset": "inf"}, None),
        ({"x-ratelimit-reset": ""}, None),
        ({}, None),
    ],
)
def test_the_end_of_the_window_is_read_in_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert reset_after(headers, now=NOW) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("status", "headers", "after"),
    [
        (429, {"X-RateLimit-Reset": SOON}, 40),
        (429, {"X-RateLimit-Reset": SOON, "Retry-After": "7"}, 7),
        (503, {"X-RateLimit-Reset": SOON}, None),
    ],
)
def test_a_source_waits_until_the_window_ends_where_it_was_told_to_slow_down(
    status: int, headers: dict[str, str], after: int | None
) -> None:
    with AfterShipServer() as server:
        settings = aftership.Settings.model_validate(
            {"token": "test-key", "base_url": server.url, "allow_hosts": ["127.0.0.1"]}
        )
        source = aftership.open(settings, name="as", clock=lambda: NOW)
        server.inject(Reply(b"{}", status, headers))
        with pytest.raises(Temporary) as raised:
            source.track([Ask("p", "LP00000000000001")])
        source.close()
    assert raised.value.after == (None if after is None else timedelta(seconds=after))
