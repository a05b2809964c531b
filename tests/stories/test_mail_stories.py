"""What AliExpress' mails come to, one after the other: "at customs" is the origin's before the parcel left, ours afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from workers import knowledge
from workers.core.detect import detect
from workers.core.model import Sighting, Snapshot, Stage, TimeQuality
from workers.sources._mail_steps import known

START = datetime(2026, 6, 20, 8, 0, tzinfo=UTC)


def stages(*steps: tuple[float, str], lang: str = "en") -> list[Stage]:
    """Return where a parcel stands after each mail: (days, step), in the words of *lang*."""
    classifier, language = knowledge.load().classifier, known().languages[lang]
    looked: list[Sighting] = []
    out, before = [], Snapshot()
    for days, step in steps:
        words = (language.steps.get(step) or language.expected.get(step) or ("",))[0].replace("#", "")
        at = START + timedelta(days=days)
        looked.append(
            Sighting("mails", words, at=at, quality=TimeQuality.ASSUMED, system="aliexpressmail", code=step,
                     lang=lang, carrier="AliExpress")
        )  # fmt: skip
        read = [(s, classifier.read(s.text, code=s.code, system=s.system, lang=s.lang)) for s in looked]
        before, _ = detect(
            before, read, origin="CN", destination="ES", source="mails", now=at + timedelta(minutes=5)
        )
        out.append(before.stage)
    return out


LANGUAGES = ["en", "de", "es", "fr", "it", "pt", "pl", "nl", "ru", "he"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_customs_before_the_parcel_left_is_export_and_afterwards_import(lang: str) -> None:
    told = stages(
        (0, "ORDER_CONFIRMED"), (1, "SHIPPED"), (5.6, "AT_CUSTOMS"), (6.1, "LEFT_ORIGIN"), (9, "AT_CUSTOMS"),
        (10, "CLEARED"), (10.5, "IN_COUNTRY"), (11, "LOCAL_CARRIER"), (12, "OUT_FOR_DELIVERY"), (12.3, "DELIVERED"),
        lang=lang,
    )  # fmt: skip
    assert told == [
        Stage.PRE_TRANSIT, Stage.PRE_TRANSIT, Stage.EXPORT_CUSTOMS, Stage.IN_TRANSIT, Stage.IMPORT_CUSTOMS,
        Stage.RELEASED, Stage.RELEASED, Stage.IN_TRANSIT, Stage.OUT_FOR_DELIVERY, Stage.DELIVERED,
    ]  # fmt: skip


def test_a_parcel_that_was_only_announced_is_not_known_to_be_at_the_origin() -> None:
    assert stages((0, "ORDER_CONFIRMED"), (20, "AT_CUSTOMS"))[-1] is Stage.IMPORT_CUSTOMS
    assert stages((0, "COLLECTED"), (3, "AT_CUSTOMS"))[-1] is Stage.EXPORT_CUSTOMS
    assert stages((0, "SHIPPED"), (3, "CLEARED"))[-1] is Stage.EXPORT_CLEARED
    assert stages((0, "LEFT_ORIGIN"), (3, "CLEARED"))[-1] is Stage.RELEASED
