"""Every file of the reference payloads reads as its index says, or stands here with why it is no answer of a service to us."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from workers.core.model import Sighting
from workers.errors import Permanent, Temporary
from workers.sources import http_json, load, seventeentrack
from workers.sources._seventeentrack import unpack, unpack_page

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "payloads"
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the reference payloads lie beside the project only in its workshop"
)

Parcels = Mapping[
    str, tuple[int, str, str]
]  # by number: how many events, code or words of the newest, its time

READS: Mapping[str, Parcels] = {
    "17track/gettrackinfo-customs.synthetic.json": {"LP00000000000001": (7, "InTransit_CustomsRequiringInformation", "2026-10-20 07:12")},
    "17track/gettrackinfo-delivered-correios.json": {"AA123456789BR": (3, "Delivered_Other", "2026-06-30 14:23")},
    "17track/gettrackinfo-exception-returning.json": {"AA555666777BR": (1, "Exception_Returning", "2026-06-27 14:15")},
    "17track/gettrackinfo-intransit-unknown-substatus.json": {"YT2616912345678901": (3, "InTransit_Arrival", "2026-06-29 13:05")},
    "17track/webhook-tracking-updated-customs.synthetic.json": {"LP00000000000001": (7, "InTransit_CustomsRequiringInformation", "2026-10-20 07:12")},
    "17track/webhook-tracking-updated-v2-dhl-paket.json": {"1234567890": (1, "AvailableForPickup", "2022-09-14 07:47")},
    "aftership/v4-cainiao-import-customs-2024-02.json": {"RLJ00000000": (14, "CC_IM_START", "2024-02-27 21:11")},
    "aftership/webhook-tracking-update-2026-07.trimmed.json": {"0000000000000000": (1, "InTransit_001", "2021-01-14 00:52")},
    "aliexpress/ds-order-tracking-doc-sample-flat-lists.json": {"62727952231": (1, "Delivery update. Package delivered", "2024-07-05 12:19")},
    "aliexpress/ds-order-tracking-live-2026-02-preparing.json": {"": (2, "Package in preparation. Your package is ", "2026-02-04 08:36")},
    "aliexpress/ds-order-tracking-not-found.json": {},
    "aliexpress/ds-order-tracking-prod-2026-07-collected.json": {"07084000000000": (2, "Shipping update", "2026-07-13 11:28")},
    "aliexpress/logistics-ds-trackinginfo-query.shape.json": {"": (1, "Import customs clearance started", "2020-01-01 00:00")},
    "aliexpress/trade-ds-order-get-risk-control.json": {"": (0, "", "")},
    "aliexpress/trade-ds-order-get-shipped.json": {"4200000000000000000000000000000000": (0, "", "")},
    # three articles in one answer; the recipe asks for one a call, and reads whatever one call brings as one
    "auspost/track-items-in-customs.json": {"ET123456789AU": (27, "Processed by air carrier", "2021-02-02 21:08")},
    "cainiao/delivered-cn-be-2026-02.json": {"RC000000001EE": (7, "GTMS_SIGNED", "2026-02-06 07:25")},
    "cainiao/handoff-to-postnl.synthetic.json": {"LP00123456789": (2, "GTMS_SIGNED", "2026-04-26 10:40")},
    "cainiao/import-clearance-started-cn-il-2026-09.json": {"DSVPH000000001": (2, "CC_IM_START", "2026-09-19 13:16")},
    "cainiao/progress-points.synthetic.json": {"": (2, "CC_IM_SUCCESS", "2026-09-13 08:49")},
    "cainiao/unknown-number.json": {"LP00000000000": (0, "", "")},
    "dhl/mydhl-express-error.json": {"9356579890": (0, "", "")},
    "dhl/mydhl-express-track.json": {"9356579890": (2, "OK", "2024-01-15 17:00")},
    "dhl/unified-error-404.json": {"8264715546": (0, "", "")},
    "dhl/unified-shipment-customs-remark.doc.json": {"7777777770": (1, "pre-transit", "2018-03-02 07:53")},
    "easypost/tracker-create-test-mode.json": {"EZ1000000001": (2, "pre_transit", "2025-02-07 08:25")},
    "fedex/track-clearance-fields.doc.json": {"123456789012": (1, "A25", "2018-02-02 19:01"), "39936862321": (0, "", "")},
    "fedex/track-duplicate-results-2024.json": {"123456789012": (8, "DL", "2024-04-26 16:26")},
    "laposte/suivi-v2-delivered-2023.json": {"EX000000001FR": (9, "DI1", "2023-03-09 08:38")},
    "parcelsapp/create-cached.json": {"9400111206213785678901": (1, "Delivered, In/At Mailbox", "2026-06-25 18:42")},
    "parcelsapp/create-created.json": {},
    "parcelsapp/create-partialCached.json": {"9400111206213785678901": (2, "Delivered, In/At Mailbox", "2026-06-25 18:42")},
    "parcelsapp/read-complete.json": {"9400111206213785678901": (1, "Delivered, In/At Mailbox", "2026-06-25 18:42")},
    "parcelsapp/read-pending.json": {},
    "parcelsapp/webhook-batchCompleted.json": {"9400111206213785678901": (2, "Delivered, In/At Mailbox", "2026-06-25 18:42")},
    "parcelsapp/webhook-shipmentCompleted.json": {"9400111206213785678901": (2, "Delivered, In/At Mailbox", "2026-06-25 18:42")},
    "parcelsapp/website-v2-china-post-archive-2026-04.json": {"": (1, "Pending shipping by the seller", "2026-04-14 09:58")},
    "ship24/tracking-results-by-tracker.json": {"9400115901047177598206": (9, "delivery_delivered", "2021-03-04 17:12")},
    "ship24/tracking-search-201.json": {"9400115901047177598206": (9, "delivery_delivered", "2021-03-04 17:12")},
    "ship24/webhook-tracking-results.json": {"9400115901047177598206": (1, "delivery_delivered", "2025-03-04 17:12")},
    "trackingmore/v2-list-2021.json": {"CL72111111111111111NL": (1, "exception", ""), "1Z111111111111": (11, "delivered001", "2021-01-19 10:33"), "3SL33333333333": (7, "delivered001", "2021-01-26 22:35")},
    "ups/track-customs-released.doc.json": {"1Z023E2X0214323462": (1, "X/SR/003", "2021-02-10 07:13")},
    "ups/track-number-not-found.json": {"": (0, "", "")},
    "usps/track-detail-accepted.doc.json": {"XXXXXXXXXXXXXXXXXXXX": (1, "03", "2023-08-02 07:31")},
    "usps/usps-track.json": {"9400109104250532908587": (12, "01", "2024-11-22 18:58")},
}  # fmt: skip

RAISES: Mapping[str, tuple[type[Temporary | Permanent], str]] = {
    "17track/error-429.json": (Temporary, "17TRACK asks to slow down"),
    "17track/error-invalid-key.json": (Permanent, "17TRACK refuses the key"),
    "17track/error-realtime-not-authorized.fragment.json": (Temporary, "17TRACK answered with error -18019"),
    "aliexpress/error-api-call-limit-ban.json": (Temporary, "AliExpress asks to slow down"),
    "aliexpress/error-api-call-limit.json": (Temporary, "AliExpress asks to slow down"),
    "aliexpress/error-insufficient-permission.json": (Permanent, "AliExpress does not let this app a"),
    "aliexpress/error-toplevel-remote-service.json": (Temporary, "AliExpress answers with error 15"),
    "fedex/error-empty-number.json": (Permanent, "FedEx does not take this number"),
    "laposte/suivi-v2-error-400.json": (Permanent, "La Poste does not take this number"),
    "parcelsapp/account-invalidApiKey.json": (Permanent, "ParcelsApp refuses the key (look a"),
    "parcelsapp/account-missingApiKey.json": (Permanent, "ParcelsApp misses the key"),
    "parcelsapp/account-success.json": (Temporary, "ParcelsApp's answer holds no list "),
    "parcelsapp/create-invalidWebhookUrl.json": (Permanent, "ParcelsApp refuses the address for"),
    "parcelsapp/create-unconfirmedAccount.json": (Permanent, "the ParcelsApp account is not conf"),
    "parcelsapp/read-missingUuid.json": (Temporary, "ParcelsApp answered with the error"),
    "parcelsapp/read-notFound.json": (Temporary, "ParcelsApp has forgotten this look"),
    "parcelsapp/webhook-trackingError.json": (Temporary, "ParcelsApp could not look this par"),
    "ship24/bulk-create-201.json": (Temporary, "Ship24's answer holds no list of r"),
    "ship24/bulk-create-207-partial.json": (Temporary, "Ship24's answer holds no list of r"),
    "ship24/bulk-create-403-forbidden.json": (Temporary, "Ship24's quota of new numbers is u"),
    "ship24/couriers-200.json": (Temporary, "Ship24's answer holds no list of r"),
    "ship24/create-tracker-201.json": (Temporary, "Ship24's answer holds no list of r"),
    "ship24/create-tracker-400-invalid-number.json": (Permanent, "Ship24 refuses what was sent"),
    "ship24/get-tracker-404.json": (Temporary, "Ship24 does not know this tracker"),
    "ship24/tracking-search-400.json": (Permanent, "Ship24 refuses what was sent"),
    "ups/error-auth.json": (Permanent, "UPS does not accept our credential"),
    "ups/track-invalid-number.json": (Permanent, "UPS does not take this number"),
    "usps/usps-auth-error.json": (Permanent, "USPS does not accept our credentia"),
    "usps/usps-error.json": (Temporary, "USPS's answer shows no events"),
    "auspost/track-item-error.json": (Permanent, "Australia Post does not take"),
    "auspost/error-too-many-ids.json": (Temporary, "10 or less"),
}  # fmt: skip

NO_ANSWER: Mapping[str, str] = {
    "17track/webhook-sign-vector.json": "a signature and what it signs: tests/web/test_push_schemes.py",
    "aliexpress/sign-md5-vectors.json": "signatures and what they sign: tests/sources/test_aliexpress.py",
    "aliexpress/push-order-status-update.json": "a push of the Open Platform, whose signature nobody documents: we take none",
    "parcelsapp/request-usps.json": "a request",
    "parcelsapp/request-webhook.json": "a request",
    "ship24/create-tracker-request.json": "a request",
    "ship24/webhook-history.json": "the log of pushes, which we never ask for",
    "upu/s10-vectors.json": "check digits: tests/core/test_numbers.py",
}  # *.table.json are lists of codes, which tests/knowledge/test_codes_tables.py holds against ours


def body(file: str) -> bytes:
    return (FOLDER / file).read_bytes()


def parse(file: str) -> Mapping[str, Sequence[Sighting]]:
    folder = file.partition("/")[0]
    found: Mapping[str, Sequence[Sighting]]
    if folder == "auspost":
        answer = {"http_json": {"recipe": "australia-post"}, "answer": json.loads(body(file))}
        found = http_json.parse(answer, source="a")
    else:
        found = load({"17track": "seventeentrack"}.get(folder, folder)).parse(body(file), source="a")
    return found


def in_short(told: Sequence[Sighting]) -> tuple[int, str, str]:
    newest = told[-1] if told else None
    at = f"{newest.at:%Y-%m-%d %H:%M}" if newest is not None and newest.at else ""
    return len(told), (newest.code or newest.text[:40]) if newest else "", at


@pytest.mark.parametrize("file", READS)
def test_a_capture_of_parcels_shows_them(file: str) -> None:
    assert {number: in_short(told) for number, told in parse(file).items()} == READS[file]


@pytest.mark.parametrize("file", RAISES)
def test_a_capture_of_an_error_is_one(file: str) -> None:
    kind, words = RAISES[file]
    with pytest.raises(kind) as raised:
        parse(file)
    assert words in str(raised.value)


def test_what_17track_says_of_registering_is_read() -> None:
    mixed, again = (
        unpack(body("17track/register-mixed.json")),
        unpack(body("17track/register-already-registered.json")),
    )
    assert [(item.number, item.carrier) for item in mixed.items] == [("AA123456789BR", "2151")]
    assert [no.code for no in mixed.refused.values()] == [-18010012]
    assert (again.items, [no.code for no in again.refused.values()]) == ((), [-18019901])


def test_what_17track_says_of_what_it_follows_is_read() -> None:
    page = unpack_page(body("17track/gettracklist-page.json"))
    assert page.pages == 2
    assert [(each.number, each.carrier, each.tag, each.stopped, each.resumable) for each in page.numbers] == [
        ("AA123456789BR", "2151", "order-1042", False, True),
        ("YT2616912345678901", "190012", "", True, True),
    ]
    quota = seventeentrack.read_quota(body("17track/getquota.json"))
    assert (quota.total, quota.used, quota.remain, quota.daily) == (1100, 2, 1098, 10_000_000)


def test_a_push_that_17track_stopped_has_its_number_looked_up() -> None:
    news = seventeentrack.pushed(body("17track/webhook-tracking-stopped.json"), source="a")
    assert (dict(news.found), len(news.look)) == ({}, 1)


ELSEWHERE = frozenset(
    {
        "17track/register-mixed.json", "17track/register-already-registered.json", "17track/gettracklist-page.json",
        "17track/getquota.json", "17track/webhook-tracking-stopped.json",
    }
)  # fmt: skip  # read by the tests above


def test_no_file_is_left_out() -> None:
    all_of = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.json")}
    named: list[Any] = [*READS, *RAISES, *NO_ANSWER, *ELSEWHERE]
    tables = {file for file in all_of if file.endswith(".table.json")}
    assert len(named) == len(set(named))
    assert set(named) | tables == all_of
    assert len(all_of) == 98
