"""Thirty lives on a clock: everything that is written about a parcel, on which day and why, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.stories.lives import AUTUMN, Life, paid, worth
from workers.core.history import Group, History, Waits
from workers.core.model import Side, Stage
from workers.render import Renderer

ROAD = """
0d 08 | CN | pre_transit | Order information received
1d 08 | CN | in_transit | Accepted by carrier
3d 08 | CN | export_customs side=origin | Export customs clearance started
4d 08 | CN | export_cleared side=origin | Export customs clearance complete
5d 08 | CN | in_transit | Departed from country of origin
"""
HOME = """
12d 08 | DE | inspection side=destination | Customs is inspecting the parcel
%s | end
"""
DAILY = "{0}d 08 | DE | import_customs side=destination | Clearance updated\n{0}d 14 | DE | inspection side=destination | Being inspected\n"
TO_AND_FRO = (
    ROAD
    + "".join(DAILY.format(day) for day in range(12, 18))
    + "18d 20 | DE | released side=destination | Import customs clearance complete\n20d 08 | DE | delivered | Delivered"
)
RENDERER = Renderer()
DECEMBER = datetime(2026, 12, 3, tzinfo=UTC)


STORIES = [
    pytest.param(
        {"facts": {"checkout": paid(vat="no")}, "protected": 75},
        ROAD
        + """
12d 08 | DE | arrived_destination | Arrived at destination country
13d 08 | DE | import_customs side=destination | Import customs clearance started
15d 08 | DE | payment_due side=destination charges=due to=buyer | Import charges to be paid
27d 08 | DE | payment_received side=destination charges=paid | Charges paid
28d 08 | DE | released side=destination | Import customs clearance complete
30d 08 | DE | out_for_delivery | Out for delivery
30d 15 | DE | delivered | Delivered
60d 08 | end
""",
        [
            (13, "tax_ahead", "first"),
            (15, "pay", "first"),
            (26, "pay", "reminder"),
            (27, "payment_received", "resolved"),
            (28, "released", "first"),
        ],
        id="vat due, reminded, paid, released and delivered",
    ),
    pytest.param(
        {"start": DECEMBER, "protected": 90},
        ROAD
        + """
12d 08 | DE | arrived_destination | Arrived at destination country
15d 08 | DE | inspection side=destination | Customs is inspecting the parcel
28d 08 | end
""",
        [
            (15, "inspection", "first"),
            (27, "customs_slow", "changed"),
        ],
        id="an inspection over Christmas does not alarm before it is unusual",
    ),
    pytest.param(
        {"protected": 75},
        ROAD
        + """
12d 08 | DE | import_customs side=destination | Import customs clearance started
14d 08 | DE | payment_due side=destination charges=due to=buyer | Import charges to be paid
17d 08 | DE | released side=destination charges=none | Released, no charges
19d 08 | DE | delivered | Delivered
40d 08 | end
""",
        [
            (12, "import_customs", "first"),
            (14, "double_charge", "first"),
            (17, "released", "resolved"),
        ],
        id="an order with VAT paid at checkout is asked again",
    ),
    pytest.param(
        {"destination": "FR", "protected": 60},
        ROAD
        + """
12d 08 | FR | inspection side=destination | Customs is inspecting the parcel
14d 08 | FR | held side=destination causes=suspected_counterfeit to=buyer | Detained: suspected infringement
24d 08 | FR | refused side=destination causes=suspected_counterfeit | Seized by customs
60d 08 | end
""",
        [
            (12, "inspection", "first"),
            (14, "counterfeit", "first"),
            (24, "refused_counterfeit", "first"),
            (54, "refused_counterfeit", "reminder"),
            (57, "refused_counterfeit", "reminder"),
        ],
        id="a seizure as counterfeit",
    ),
    pytest.param(
        {"facts": {"checkout": paid(vat="no")}},
        ROAD
        + """
12d 08 | DE | import_customs side=destination | Import customs clearance started
13d 08 | DE | released side=destination | Import customs clearance complete
14d 08 | DE | in_transit | Arrived at sorting centre
16d 08 | DE | payment_due side=destination charges=due to=buyer | Invoice for duties issued
18d 08 | DE | payment_received side=destination charges=paid | Charges paid
19d 08 | DE | delivered | Delivered
40d 08 | end
""",
        [
            (12, "tax_ahead", "first"),
            (13, "released_bill_may_come", "first"),
            (16, "late_invoice", "first"),
            (19, "delivered", "resolved"),
        ],
        id="released, and then the courier's invoice",
    ),
    pytest.param(
        {"protected": 60},
        ROAD
        + """
12d 08 | DE | import_customs side=destination | Import customs clearance started
20d 08 | DE | refused side=destination | Refused by customs
22d 08 | DE | returning | Returning to sender
50d 08 | end
""",
        [
            (12, "import_customs", "first"),
            (18, "customs_slow", "escalated"),
            (20, "refused", "first"),
        ],
        id="refused and sent back before the dispute window closes",
    ),
    pytest.param(
        {},
        ROAD
        + """
12d 08 | DE | import_customs side=destination | Import customs clearance started
13d 08 | DE | released side=destination | Import customs clearance complete
15d 08 | DE | delivered | Delivered
16d 08 | DE | in_transit | Arrived at sorting centre
17d 08 | DE | out_for_delivery | Out for delivery
17d 14 | DE | delivered | Delivered
40d 08 | end
""",
        [
            (12, "import_customs", "first"),
            (13, "released", "first"),
            (16, "last_mile", "reopened"),
        ],
        id="a false delivered is reopened",
    ),
    pytest.param(
        {"destination": "ES", "protected": 75},
        ROAD
        + """
12d 08 | ES | import_customs side=destination | Import customs clearance started
13d 08 | ES | documents_required side=destination to=buyer causes=missing_documents | Documents required from the recipient
18d 08 | ES | import_customs side=destination | Documents received, being cleared
20d 08 | ES | released side=destination | Import customs clearance complete
22d 08 | ES | delivered | Delivered
50d 08 | end
""",
        [
            (12, "import_customs", "first"),
            (13, "send_documents", "first"),
            (18, "import_customs", "resolved"),
            (20, "released", "first"),
        ],
        id="papers asked for, sent, and released",
    ),
    pytest.param(
        {"protected": 90},
        ROAD
        + """
12d 08 | DE | import_customs side=destination | Import customs clearance started
14d 08 | DE | held side=destination causes=restricted_or_prohibited | Held: restricted goods
40d 08 | DE | released side=destination | Import customs clearance complete
42d 08 | DE | delivered | Delivered
""",
        [
            (12, "import_customs", "first"),
            (14, "restricted", "first"),
            (25, "restricted", "reminder"),
            (27, "restricted", "reminder"),
            (40, "released", "resolved"),
        ],
        id="held as restricted goods",
    ),
    pytest.param(
        {"protected": 40},
        ROAD
        + """
40d 08 | end
110d 08 | end
""",
        [
            (30, "protection_closing", "first"),
            (34, "protection_closing", "reminder"),
            (37, "protection_last_call", "escalated"),
            (39, "protection_last_call", "reminder"),
            (41, "window_over", "changed"),
        ],
        id="protection runs out while nothing moves",
    ),
    pytest.param(
        {"protected": 90},
        """
0d 08 | CN | pre_transit | Order information received
1d 08 | CN | in_transit | Accepted by carrier
2d 08 | CN | export_customs side=origin | Export customs clearance started
20d 08 | CN | export_cleared side=origin | Export customs clearance complete
22d 08 | CN | in_transit | Departed from country of origin
40d 08 | DE | import_customs side=destination | Import customs clearance started
41d 08 | DE | released side=destination | Import customs clearance complete
44d 08 | DE | delivered | Delivered
""",
        [
            (9, "export_stuck", "first"),
            (20, "export_running", "resolved"),
            (40, "import_customs", "first"),
            (41, "released", "first"),
        ],
        id="stuck in export",
    ),
    pytest.param(
        {},
        TO_AND_FRO,
        [
            (12, "import_customs", "first"),
            (12, "inspection", "first"),
            (18, "customs_slow", "escalated"),
            (18, "released", "first"),
        ],
        id="clearance to and fro",
    ),
    pytest.param(
        {"facts": {"checkout": paid(vat="no")}},
        ROAD
        + """
12d 08 | DE | import_customs side=destination | Import customs clearance started
13d 08 | mute
14d 08 | DE | payment_due side=destination charges=due to=buyer | Import charges to be paid
18d 08 | unmute
22d 08 | DE | released side=destination charges=paid | Import customs clearance complete
24d 08 | DE | delivered | Delivered
""",
        [
            (12, "tax_ahead", "first"),
            (18, "pay", "first"),
            (22, "released", "resolved"),
        ],
        id="muted and unmuted",
    ),
    pytest.param(
        {"facts": {"goods": None, "checkout": paid()}},
        ROAD
        + """
12d 08 | DE | import_customs side=destination | Import customs clearance started
14d 08 | DE | payment_due side=destination charges=due to=buyer | Import charges to be paid
40d 08 | end
""",
        [
            (12, "import_customs", "first"),
            (14, "pay_check_first", "first"),
            (25, "pay_check_first", "reminder"),
            (27, "pay_check_first", "reminder"),
        ],
        id="an order of unknown value",
    ),
    pytest.param(
        {"destination": "GB", "facts": {"goods": worth("150", "GBP"), "checkout": paid(vat="no")}},
        ROAD
        + """
9d 08 | GB | import_customs side=destination | Import customs clearance started
10d 08 | GB | payment_due side=destination charges=due to=buyer | Customs charge to pay
16d 08 | GB | payment_received side=destination charges=paid | Charges paid
17d 08 | GB | released side=destination | Released by customs
18d 08 | GB | delivered | Delivered
""",
        [
            (9, "tax_ahead", "first"),
            (10, "pay", "first"),
            (16, "payment_received", "resolved"),
            (17, "released", "first"),
        ],
        id="more than 135 pounds to Great Britain",
    ),
    pytest.param(
        {"destination": "US", "facts": {"goods": worth("50", "USD"), "checkout": paid()}},
        ROAD
        + """
9d 08 | US | import_customs side=destination | Inbound into customs
10d 08 | US | released side=destination | Inbound out of customs
15d 08 | US | delivered | Delivered
""",
        [
            (9, "import_customs", "first"),
            (10, "released", "first"),
        ],
        id="to the United States",
    ),
    pytest.param(
        {"destination": "NO", "facts": {"goods": worth("400", "NOK"), "checkout": paid(vat="yes")}},
        ROAD
        + """
9d 08 | NO | import_customs side=destination | Import customs clearance started
11d 08 | NO | payment_due side=destination charges=due to=buyer | VAT to be paid
12d 08 | NO | released side=destination charges=none | Released
14d 08 | NO | available_for_pickup | Ready for collection
17d 08 | NO | delivered | Collected
""",
        [
            (9, "import_customs", "first"),
            (11, "double_charge", "first"),
            (12, "released", "resolved"),
            (14, "pickup", "first"),
            (17, "delivered", "resolved"),
        ],
        id="to Norway with VOEC paid, charged again",
    ),
    pytest.param(
        {"protected": 30},
        ROAD
        + """
6d 08 | DE | import_customs side=destination | Import customs clearance started
6d 10 | DE | released side=destination | Import customs clearance complete
7d 08 | DE | delivered | Delivered
60d 08 | end
""",
        [
            (6, "import_customs", "first"),
            (6, "released", "first"),
        ],
        id="delivered early",
    ),
    pytest.param(
        {"facts": {"checkout": paid(vat="no")}, "protected": 75},
        ROAD
        + """
12d 08 | DE | payment_due side=destination charges=due to=buyer | Import charges to be paid
28d 08 | DE | returning causes=unpaid_charges | Returned: charges not paid
70d 08 | end
""",
        [
            (12, "pay", "first"),
            (23, "pay", "reminder"),
            (25, "pay", "reminder"),
            (28, "refused_unpaid", "first"),
            (69, "refused_unpaid", "reminder"),
        ],
        id="a request to pay that nobody answers",
    ),
    pytest.param(
        {"protected": 75},
        ROAD
        + """
12d 08 | DE | held side=destination to=sender causes=missing_documents | Waiting for the sender's invoice
20d 08 | DE | documents_required side=destination to=buyer causes=missing_documents | Recipient to send the invoice
22d 08 | DE | import_customs side=destination | Being cleared
23d 08 | DE | released side=destination | Import customs clearance complete
25d 08 | DE | delivered | Delivered
""",
        [
            (12, "documents_elsewhere", "first"),
            (20, "send_documents", "first"),
            (22, "import_customs", "resolved"),
            (23, "released", "first"),
        ],
        id="papers asked of the seller, then of the buyer",
    ),
    pytest.param(
        {"facts": {"checkout": paid(vat="no")}, "protected": 75},
        ROAD
        + """
12d 08 | DE | payment_due side=destination charges=due to=buyer | Import charges to be paid
13d 08 | DE | payment_received side=destination charges=paid | Charges paid
30d 08 | DE | released side=destination | Import customs clearance complete
32d 08 | DE | delivered | Delivered
""",
        [
            (12, "pay", "first"),
            (13, "payment_received", "resolved"),
            (21, "paid_but_stuck", "escalated"),
            (30, "released", "resolved"),
        ],
        id="paid, and still not moving",
    ),
    pytest.param(
        {"protected": 75},
        ROAD
        + """
12d 08 | DE | import_customs side=destination | Import customs clearance started
13d 08 | DE | released side=destination | Import customs clearance complete
16d 08 | DE | available_for_pickup | Ready for collection
30d 08 | DE | returning | Returned, not collected
40d 08 | end
""",
        [
            (12, "import_customs", "first"),
            (13, "released", "first"),
            (16, "pickup", "first"),
            (27, "pickup", "reminder"),
            (29, "pickup", "reminder"),
            (30, "returning", "first"),
        ],
        id="a parcel that nobody collects",
    ),
    pytest.param(
        {"protected": 75},
        ROAD
        + """
12d 08 | DE | arrived_destination | Arrived at destination country
13d 08 | DE | import_customs side=destination | Import customs clearance started
14d 08 | DE | released side=destination | Import customs clearance complete
15d 08 | DE | in_transit | Arrived at sorting centre
16d 08 | DE | out_for_delivery | Out for delivery
16d 15 | DE | delivered | Delivered
60d 08 | end
""",
        [
            (13, "import_customs", "first"),
            (14, "released", "first"),
        ],
        id="an ordinary parcel",
    ),
    pytest.param(
        {
            "destination": "US",
            "number": "1Z999AA10123456784",
            "facts": {"checkout": paid(vat="no", charges="no")},
        },
        ROAD
        + """
12d 08 | US | import_customs side=destination | Import customs clearance started
13d 08 | US | released side=destination | Import customs clearance complete
14d 08 | US | out_for_delivery | Out for delivery
14d 15 | US | delivered | Delivered
45d 08 | US | payment_due side=destination charges=due to=buyer by=UPS | Invoice for duties and taxes sent
90d 08 | end
""",
        [
            (12, "tax_ahead", "first"),
            (13, "released_bill_may_come", "first"),
            (45, "late_invoice", "first"),
        ],
        id="delivered, and a month later the courier's invoice",
    ),
    pytest.param(
        {"facts": {"checkout": paid(vat="no")}, "protected": 75},
        ROAD
        + """
12d 08 | DE | import_customs side=destination | Import customs clearance started
13d 08 | DE | payment_due side=destination charges=due to=buyer | Import charges to be paid
16d 08 | DE | released side=destination | Import customs clearance complete
17d 08 | DE | in_transit | Arrived at sorting centre
19d 08 | DE | delivered | Delivered
60d 08 | end
""",
        [
            (12, "tax_ahead", "first"),
            (13, "pay", "first"),
            (16, "released_asked", "first"),
            (19, "delivered", "resolved"),
        ],
        id="charges asked for, and released without a word on them",
    ),
    pytest.param(
        {"protected": 75},
        ROAD
        + """
13d 08 | DE | payment_due side=destination charges=due to=buyer | Import charges to be paid
16d 08 | DE | released side=destination | Import customs clearance complete
17d 08 | DE | released side=destination | Released from customs
19d 08 | DE | delivered | Delivered
40d 08 | DE | payment_due side=destination charges=due to=buyer | Invoice for duties and taxes sent
42d 08 | DE | payment_received side=destination charges=paid | Charges paid
60d 08 | end
""",
        [
            (13, "double_charge", "first"),
            (16, "released_asked", "first"),
            (19, "delivered", "resolved"),
            (40, "late_invoice", "first"),
            (42, "delivered", "resolved"),
        ],
        id="asked although paid at checkout, released in silence, and billed after all",
    ),
    pytest.param(
        {"facts": {"checkout": paid(vat="no")}, "protected": 75},
        ROAD
        + """
13d 08 | DE | payment_due side=destination charges=due to=buyer | Import charges to be paid
14d 08 | DE | released side=destination charges=due | Released, charges to be collected on delivery
16d 08 | DE | out_for_delivery | Out for delivery
16d 15 | DE | delivered | Delivered
40d 08 | end
""",
        [
            (13, "pay", "first"),
            (14, "released_charges", "first"),
            (16, "pay_at_door", "first"),
            (16, "delivered", "resolved"),
        ],
        id="released with the charges to be collected at the door",
    ),
    pytest.param(
        {"destination": "FR", "protected": 60},
        ROAD
        + """
14d 08 | FR | held side=destination causes=suspected_counterfeit to=buyer | Detained: suspected infringement
20d 08 | FR | refused side=destination causes=suspected_counterfeit | Seized by customs
24d 08 | FR | returning | Returning to sender
50d 08 | end
""",
        [
            (14, "counterfeit", "first"),
            (20, "refused_counterfeit", "first"),
            (24, "returning", "first"),
        ],
        id="seized as counterfeit, and sent back after all",
    ),
]


@pytest.mark.parametrize(("facts", "story", "written"), STORIES)
def test_everything_that_is_written_about(facts, story, written):
    life = Life(**facts).live(story)
    assert life.written == written
    assert len(life.written) <= 6


# What the letters of the stories that the first issue names must say, each by one sentence of its own.
SAID = {
    "vat due, reminded, paid, released and delivered": (
        "No tax was taken at checkout, so a request to pay will probably come.",
        "You have to pay import charges before the parcel goes on.",
        "You know this already; the date is near.",
        "What we asked of you before is no longer needed.",
        "Customs has let the parcel go. It is on its way to you.",
    ),
    "an inspection over Christmas does not alarm before it is unusual": (
        "Customs is looking at the parcel more closely. That is routine.",
        "Public holiday in the parcel’s country: Friday, 25 December 2026. Customs may not have worked.",
    ),
    "an order with VAT paid at checkout is asked again": (
        "The tax was paid at checkout, so nothing more should be asked of you.",
        "You are asked to pay import charges, but the tax on this order was paid at checkout.",
        "What we asked of you before is no longer needed.",
    ),
    "a seizure as counterfeit": (
        "That is routine.",
        "Customs has stopped the parcel because it may be a counterfeit.",
        "Customs took the parcel for a counterfeit, and will not hand it over.",
        "You know this already; the date is near.",
        "You know this already; the date is near.",
    ),
    "delivered, and a month later the courier's invoice": (
        "No tax was taken at checkout, so a request to pay will probably come.",
        "UPS often sends the bill for import charges after the parcel, sometimes weeks later.",
        "The parcel has been delivered, and now import charges are asked for it.",
    ),
    "refused and sent back before the dispute window closes": (
        "The parcel is with customs in your country.",
        "Most are through by now, but it is not alarming.",
        "Customs refused the parcel",
    ),
    "charges asked for, and released without a word on them": (
        "a request to pay will probably come",
        "You have to pay import charges before the parcel goes on.",
        "the tracking does not say whether they were paid",
        "the tracking shows no payment of them",
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_the_stories_of_the_first_issue_say_what_they_must(name):
    facts, story, written = next(param.values for param in STORIES if param.id == name)
    life = Life(**facts).live(story)
    assert len(life.contexts) == len(written) == len(SAID[name])
    for context, sentence in zip(life.contexts, SAID[name], strict=True):
        text = " ".join(RENDERER.render(context, lang="en", timezone="Europe/Berlin").text.split())
        assert sentence in text
        others = {other for story in SAID.values() for other in story} - {*SAID[name]}
        assert not [other for other in others if other in text and other.endswith("counterfeit.")]


def test_a_late_bill_that_is_history_on_a_first_look_is_silent_and_a_fresh_one_is_not():
    bill = "{0}d 08 | DE | payment_due side=destination charges=due to=buyer | Invoice for duties and taxes sent\n"
    old = Life(facts={"checkout": paid(vat="no")}, late=60)
    old.live("10d 08 | DE | delivered | Delivered\n" + bill.format(20) + "60d 08 | look\n90d 08 | end")
    assert old.written == []
    fresh = Life(facts={"checkout": paid(vat="no")}, late=25)
    fresh.live("10d 08 | DE | delivered | Delivered\n" + bill.format(20) + "25d 08 | look\n90d 08 | end")
    assert fresh.written == [(25, "late_invoice", "first_look")]


def test_a_parcel_that_customs_never_shows_is_delivered_without_a_word():
    life = Life(protected=75).live(ROAD + "12d 08 | DE | delivered | Delivered")
    assert life.written == []
    assert life.live("80d 08 | end").written == []


def test_two_parcels_of_one_order_are_told_of_one_by_one():
    first, second = Life(protected=75), Life(protected=75, number="LP00999999999999")
    for life, day in ((first, 12), (second, 20)):
        life.live(
            ROAD
            + f"""
{day}d 08 | DE | import_customs side=destination | Import customs clearance started
{day + 1}d 08 | DE | released side=destination | Import customs clearance complete
{day + 2}d 08 | DE | delivered | Delivered
90d 08 | end
"""
        )
    assert first.written == [(12, "import_customs", "first"), (13, "released", "first")]
    assert second.written == [(20, "import_customs", "first"), (21, "released", "first")]


def test_an_office_known_to_be_slow_raises_no_alarm_where_another_does():
    usual = Life().live(ROAD + HOME % "26d 08")
    assert [advice for _, advice, _ in usual.written] == ["inspection", "customs_slow", "customs_stuck"]
    group = Group(Stage.INSPECTION, Side.DESTINATION, "DE", express=False)
    month = timedelta(days=30)
    seen = tuple((AUTUMN - 2 * month, AUTUMN - month - timedelta(days=n % 20)) for n in range(60))
    slow = Life(history=History({group: Waits(seen)}, at=AUTUMN)).live(ROAD + HOME % "26d 08")
    assert slow.written == [(12, "inspection", "first")]


def test_a_first_look_at_an_old_order_is_silent_and_at_a_request_to_pay_is_not():
    life = Life(facts={"checkout": paid(vat="no")})
    life.live("30d 08 | DE | delivered | Delivered\n60d 08 | end")
    assert life.written == []
    assert life.silent[0] == (30, "delivered", "history")
    asked = Life(facts={"checkout": paid(vat="no")})
    asked.live("30d 08 | DE | payment_due side=destination charges=due to=buyer | Import charges to be paid")
    assert asked.written == [(30, "pay", "first_look")]
