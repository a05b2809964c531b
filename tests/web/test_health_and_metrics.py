"""Whether it lives, whether it works, and its numbers, as those who watch it would ask."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.servers.rows import LEASE, lapse
from tests.servers.valkey import Valkey, start_valkey, until
from tests.web import pushes
from tests.web.conftest import SOURCES, Site
from tests.web.pushes import NUMBER, sign_17track
from tests.web.test_push_in import held, history, signed
from workers.core.limits import Quota
from workers.web import health
from workers.web import metrics as shown

MINUTE = timedelta(minutes=1)


def readiness(site: Site) -> tuple[int, dict[str, str]]:
    answer = site.get("/readyz")
    said = json.loads(answer.body)
    assert said["ready"] == (answer.status == 200)
    return answer.status, said["checks"]


def test_it_is_ready_while_a_scheduler_and_a_worker_give_signs_of_life(site: Site) -> None:
    assert readiness(site)[0] == 503
    site.store.beat("worker:w1:7", ttl=MINUTE)
    site.store.beat("scheduler:s1:8", ttl=MINUTE)
    assert readiness(site) == (200, dict.fromkeys(("file", "store", "sending", "scheduler", "worker"), "ok"))


def test_it_turns_red_when_the_scheduler_falls_silent_and_says_so(site: Site) -> None:
    site.store.beat("worker:w1:7", ttl=MINUTE)
    site.store.beat("scheduler:s1:8", ttl=timedelta(seconds=1))
    assert readiness(site)[0] == 200
    until(lambda: readiness(site)[0] == 503, seconds=10)
    _, checks = readiness(site)
    assert checks["scheduler"] == "no scheduler has given a sign of life for a minute"
    assert checks["worker"] == "ok"


def test_it_lives_and_is_not_ready_without_a_store(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    with start_valkey(tmp_path / "store") as valkey, Site(tmp_path, valkey.url) as site:
        valkey.kill()
        status, checks = readiness(site)
        assert status == 503
        assert checks["store"] == "the store does not answer"
        assert str(valkey.socket) not in json.dumps(checks)
        assert site.get("/healthz").body == "ok\n"
        valkey.start()


def test_a_file_that_is_not_right_is_noted_while_the_last_good_one_is_in_use(site: Site) -> None:
    good = site.config.read_text()
    assert json.loads(site.get("/readyz").body)["notes"] == []
    site.config.write_text(good + "  - {title: \n")
    until(lambda: json.loads(site.get("/readyz").body)["notes"] == [health.OLD], seconds=20)
    assert readiness(site)[1]["file"] == "ok"
    site.config.write_text(good)
    until(lambda: json.loads(site.get("/readyz").body)["notes"] == [], seconds=20)


def families(site: Site) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    answer = site.get("/metrics")
    assert answer.status == 200
    return {
        family.name.removeprefix("customs_watch_"): {
            tuple(sorted(sample.labels.items())): sample.value for sample in family.samples
        }
        for family in text_string_to_metric_families(answer.body)
    }


def test_the_numbers_parse_and_are_those_of_the_store(site: Site) -> None:
    site.push("track", *signed(pushes.seventeentrack(*history())))
    site.push("track", *signed(pushes.seventeentrack(*history(), held())))
    before = families(site)["pushes_refused"][()]
    site.push("track", b"{}", sign_17track(b"other"))
    site.store.beat("worker:w1:7", ttl=MINUTE)
    site.store.source_news("ship", ok=False, error="away")
    site.store.pause("ship", after=MINUTE)
    site.store.limit("day", quota=[Quota("calls", 70, "hour")])
    assert families(site)["channel_barred_seconds"] == {}
    for channel in ("mail", "gone"):  # one of them is in the file
        site.store.bar(channel, "m", error="535", after=MINUTE)
    told = families(site)
    assert set(told["channel_barred_seconds"]) == {(("channel", "mail"),)}
    assert 0 <= told["channel_barred_seconds"][(("channel", "mail"),)] < 60
    assert told["notices"][(("state", "pending"),)] == 1
    assert told["notices_open"] == {(("channel", "mail"), ("state", "pending")): 1}
    assert told["parcels"][(("stage", "payment_due"),)] == 1
    assert told["parcels"][(("stage", "not_looked_at"),)] == len(SOURCES) - 1
    assert sum(told["parcels"].values()) == len(SOURCES)
    assert told["events"][(("event", "pushes"),)] == 2
    assert told["pushes_refused"][()] == before + 1
    assert told["processes"] == {(("part", "scheduler"),): 0, (("part", "worker"),): 1}
    assert told["source_failures"][(("source", "ship"),)] == 1
    assert told["source_shrunk_parcels"][(("source", "ship"),)] == 0
    assert told["source_silent_parcels"][(("source", "ship"),)] == 0
    assert 50 < told["source_paused_seconds"][(("source", "ship"),)] <= 60
    assert told["source_watched"][(("source", "track"),)] == 1
    assert 0 <= told["oldest_pending_seconds"][()] < 60
    assert told["source_moves_30_days"][(("source", "track"),)] == 1  # what the first look shows is history
    assert told["source_calls_30_days"][(("source", "track"),)] == 0
    assert told["source_quota_left"][(("per", "hour"), ("source", "day"), ("what", "calls"))] == 70
    assert told["source_due_lag_seconds"][(("source", "day"),)] >= 0


def test_what_was_sent_is_counted_by_channel(valkey: Valkey, tmp_path: Path) -> None:
    with Site(
        tmp_path, valkey.fresh()
    ) as site:  # whoever sends insists on the ledger it knew: none that was emptied
        site.push("track", *signed(pushes.seventeentrack(*history(), held())))
        lapse(site.store, "ob:mail")  # it may be held back for a while, to be told with others
        notice = site.store.claim_notice("mail", lease=LEASE, worker="w")
        assert notice is not None
        assert not isinstance(notice, bool)
        site.store.done(notice.id, notice.token)
        told = families(site)
    assert told["notices_ended"] == {(("channel", "mail"), ("state", "sent")): 1}
    assert told["notices"][(("state", "sent"),)] == 1
    assert told["notices_open"] == {}
    assert told["oldest_pending_seconds"][()] == 0


def test_no_label_names_a_parcel_or_a_person(site: Site) -> None:
    site.push("track", *signed(pushes.seventeentrack(*history(), held())))
    said = site.get("/metrics").body
    assert NUMBER not in said
    assert "ana" not in said
    labels = {name for family in families(site).values() for key in family for name, _ in key}
    assert labels <= {"state", "channel", "stage", "source", "event", "part", "what", "per"}


def test_every_event_that_is_shown_is_one_that_is_counted() -> None:
    scripts = " ".join(path.read_text() for path in Path("workers/store").glob("*.lua"))
    assert [event for event in shown.EVENTS if f"'{event}'" not in scripts] == []
