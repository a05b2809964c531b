"""What a good file comes to, and the choices made for what it leaves out."""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, SecretStr, create_model

from workers import loading, settings
from workers.core.model import Checkout, Money, ParcelRef, Prepaid
from workers.errors import Misconfigured, Mistake
from workers.settings import Recipient, Section, Settings, WorkerSettings

Load = Callable[..., Settings]
GOOD = Path(__file__).parent / "good.yaml"
ENVIRON = {"LONG_SECRET": "correct horse battery", "PORT": "2525", "HOST": "smtp.example.org"}
SOURCE = "sources: {track: {kind: postline, token: abc}}\n"
ORDER = "orders:\n  - {title: Lamp, tracking: RR123456785CN, to: DE}\n"


def _any_source(kind: str) -> type[BaseModel]:
    return create_model("Any", token=(str, ""))


def _any_channel(kind: str) -> type[BaseModel]:
    return create_model("Any")


def _secretive(kind: str) -> type[BaseModel]:
    return create_model("Secretive", token=(SecretStr, ...))


@pytest.fixture
def good(load: Load, file: Path) -> Settings:
    (file.parent / "mine").mkdir()
    secret = file.parent / "secrets" / "postline"
    secret.parent.mkdir()
    secret.write_text("from a file\n")
    secret.chmod(0o600)
    return load(GOOD.read_bytes(), ENVIRON)


def test_a_good_file_has_no_warnings(good: Settings) -> None:
    assert good.warnings == ()


def test_an_order_is_read_to_the_letter(good: Settings) -> None:
    order = good.orders["lamp"]
    assert order.title == "Case: the blue one #3"
    assert order.parcels == (ParcelRef("lamp/RR123456785CN", "RR123456785CN", "china-post", ("track",)),)
    assert (order.destination, order.origin, order.postcode) == ("GB", "CN", "0150")
    assert order.goods == Money(Decimal("23.90"), "EUR")
    assert str(order.goods.amount) == "23.90"
    assert order.shipping == Money(Decimal(1), "USD")
    assert order.checkout == Checkout(Prepaid.YES, Money(Decimal("4.54"), "EUR"), Prepaid.NO, Prepaid.YES)
    assert (order.items, order.hs_code, order.number) == (3, "851830", "0123456789")
    assert order.ordered_on == order.protected_until == date(2026, 11, 1)
    assert (order.shop, order.muted, order.tell) == ("Temu", True, ("bob.b-2", "Zoë"))


def test_text_stays_text(good: Settings) -> None:
    second, third = good.orders["00340434161094042557"], good.orders["1E5000"]
    assert second.title == "$5 lamp *NEW* & shiny 👩‍👩‍👧"
    assert second.parcels[0].number == "00340434161094042557"
    assert second.destination == "NO"
    assert (third.title, third.seller) == ("on", "null")


def test_an_item_of_the_tracking_list_has_its_own_hints(good: Settings) -> None:
    item = good.orders["00340434161094042557"].parcels[1]
    assert item == ParcelRef("00340434161094042557/ZA000000005AB", "ZA000000005AB", "x", ("second-name",))


def test_vat_of_zero_means_that_none_was_taken(good: Settings) -> None:
    checkout = good.orders["00340434161094042557"].checkout
    assert (checkout.vat, checkout.vat_amount) == (Prepaid.NO, Money(Decimal("0.00"), "EUR"))


def test_every_parcel_is_found_by_its_id(good: Settings) -> None:
    assert set(good.parcels) == {p.id for order in good.orders.values() for p in order.parcels}
    order, parcel = good.parcels["lamp/RR123456785CN"]
    assert order is good.orders["lamp"]
    assert parcel is order.parcels[0]


def test_recipients_are_checked_and_normal(good: Settings) -> None:
    anna = Recipient("anna", "en", "Europe/Berlin", "anna@example.org", "+4915123456789", ("mail", "text"))
    assert good.recipients["anna"] == anna
    assert good.owner == ("anna", "bob.b-2")


def test_channels_left_out_are_those_that_fit(good: Settings) -> None:
    assert good.recipients["bob.b-2"].channels == ("text",)
    assert good.recipients["Zoë"].channels == ("mail",)


def test_variables_and_dollars_are_put_in_below_channels_and_sources(good: Settings) -> None:
    mail, text = good.channels["mail"].options.model_dump(), good.channels["text"].options.model_dump()
    assert (mail["host"], mail["port"], mail["sender"]) == (
        "smtp.example.org",
        2525,
        "Parcels <p$@example.org>",
    )
    assert mail["password"].get_secret_value() == "correct horse battery"
    assert text["token"].get_secret_value() == "a$b correct horse battery"
    source = good.sources["second-name"].options.model_dump()
    assert source["headers"]["X-Key"].get_secret_value() == "key correct horse battery"


def test_a_secret_file_is_read_without_its_line_end(good: Settings) -> None:
    assert good.sources["track"].options.model_dump()["token"].get_secret_value() == "from a file"


def test_no_repr_shows_a_secret(good: Settings) -> None:
    shown = repr(good) + str(good)
    assert "correct horse" not in shown
    assert "from a file" not in shown
    assert "anna@example.org" in shown  # the control: this is the whole of it


def test_the_first_source_stands_first(good: Settings) -> None:
    assert list(good.sources) == ["second-name", "track"]
    assert isinstance(good.sources["track"], Section)


def test_relative_paths_are_meant_from_the_folder_of_the_file(good: Settings, file: Path) -> None:
    assert good.sources["second-name"].options.model_dump()["folder"] == file.parent / "replay"
    assert good.templates == file.parent / "mine"
    assert good.data.resolve() == file.parent.parent / "elsewhere"
    assert good.worker == WorkerSettings(2, 16)


def test_settings_cannot_be_changed(good: Settings) -> None:
    with pytest.raises(TypeError):
        good.orders["x"] = good.orders["lamp"]  # type: ignore[index]  # that is the point
    with pytest.raises(dataclasses.FrozenInstanceError):
        good.digest = ""  # type: ignore[misc]  # that is the point


def test_what_is_left_out_has_a_default(load: Load, file: Path) -> None:
    small = load(SOURCE + ORDER)
    order = small.orders["RR123456785CN"]
    assert (order.origin, order.shop, order.items, order.muted) == ("CN", "AliExpress", 1, False)
    assert (order.goods, order.ordered_on, order.checkout) == (None, None, Checkout())
    assert order.tell == ("me",)
    assert small.recipients["me"].channels == ("outbox",)
    assert small.owner == ("me",)
    assert small.worker == WorkerSettings()
    assert small.data == file.parent.parent / "var"
    assert small.channels["outbox"].options.model_dump()["folder"] == file.parent.parent / "var" / "outbox"


def test_outside_a_config_folder_the_data_lies_beside_the_file(file: Path, load: Load) -> None:
    load(SOURCE + ORDER)
    elsewhere = file.parent.parent / "orders.yaml"
    elsewhere.write_text(SOURCE + ORDER)
    loaded = settings.load(elsewhere, source_model=_any_source, channel_model=_any_channel, environ={})
    assert loaded.data == elsewhere.parent / "var"


def test_a_default_fills_what_orders_leave_out_or_empty(load: Load) -> None:
    orders = (
        "orders:\n  - {title: A, tracking: AAAAA1, postcode: ''}\n  - {title: B, tracking: BBBBB1, to: FR}\n"
    )
    loaded = load(SOURCE + "defaults: {to: DE, postcode: 10115, mute: yes}\n" + orders)
    first, second = loaded.orders.values()
    assert (first.destination, first.postcode, first.muted) == ("DE", "10115", True)
    assert (second.destination, second.postcode, second.muted) == ("FR", "10115", True)


def test_two_orders_may_share_a_parcel_and_keep_their_histories_apart(load: Load) -> None:
    orders = "orders:\n" + "".join(
        f"  - {{title: {title}, tracking: RR123456785CN, to: DE}}\n"
        for title in ("Lamp", "Big bulb!", "Big bulb!")
    )
    loaded = load(SOURCE + orders)
    assert list(loaded.orders) == ["RR123456785CN", "RR123456785CN-big-bulb", "RR123456785CN-big-bulb-2"]
    assert len(loaded.parcels) == 3
    assert [w.line for w in loaded.warnings] == [4, 5]
    assert "another order has RR123456785CN too" in loaded.warnings[0].message


def test_an_id_that_equals_another_orders_number_is_no_trap(load: Load) -> None:
    orders = "orders:\n  - {title: A, tracking: AAAAA1, to: DE}\n  - {title: B, tracking: BBBBB1, to: DE, id: AAAAA1}\n"
    loaded = load(SOURCE + orders)
    assert loaded.orders["AAAAA1"].title == "B"
    assert loaded.orders["AAAAA1-a"].title == "A"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (SOURCE + ORDER.replace("785", "787"), 3, "by its check digit it should be RR123456785CN"),
        ("recipients: {a: {email: a@b.example, language: xx}}\n" + SOURCE + ORDER, 1, "there are no words in 'xx'"),
        ("recipients: {a: {email: a@b.example, phone: +4900000000}}\n" + SOURCE + ORDER, 1, "no such number is in use"),
        (SOURCE + "orders:\n", 2, "there is no order to watch yet"),
    ],
)  # fmt: skip
def test_what_is_odd_is_a_warning_with_its_line(load: Load, text: str, line: int, words: str) -> None:
    (warning,) = load(text).warnings
    assert warning.line == line
    assert words in str(warning)


def test_a_right_check_digit_is_no_warning(load: Load) -> None:
    assert load(SOURCE + ORDER).warnings == ()


def test_a_secret_that_all_may_read_is_a_warning(load: Load, file: Path) -> None:
    (file.parent / "key").write_text("abc")
    (file.parent / "key").chmod(0o644)
    text = SOURCE.replace("token: abc", "token_file: key") + ORDER
    (warning,) = load(text).warnings
    assert re.search(r"token_file: everybody on this machine can read .*/key \(chmod 600", str(warning))
    (file.parent / "key").chmod(0o600)
    assert load(text).warnings == ()


def test_a_password_in_a_file_that_all_may_read_is_a_warning(load: Load, file: Path) -> None:
    load(SOURCE + ORDER)
    file.chmod(0o644)
    again = settings.load(file, source_model=_secretive, channel_model=_any_channel, environ={"T": "x"})
    assert "track.token: everybody on this machine can read this" in str(again.warnings[0])
    file.write_text(file.read_text().replace("abc", "$T"))
    assert (
        settings.load(file, source_model=_secretive, channel_model=_any_channel, environ={"T": "x"}).warnings
        == ()
    )


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"x" * 70_000])
def test_a_secret_file_without_a_secret_is_a_mistake(load: Load, file: Path, content: bytes) -> None:
    (file.parent / "key").write_bytes(content)
    with pytest.raises(Misconfigured) as caught:
        load(SOURCE.replace("token: abc", "token_file: key") + ORDER)
    assert len(caught.value.mistakes) == 1
    assert "sources.track.token_file: " in str(caught.value)


def test_nothing_outside_channels_and_sources_is_put_in(load: Load) -> None:
    text = SOURCE + "orders:\n  - {title: $LONG_SECRET, tracking: AAAAA1, to: DE, seller: '${PORT} $$'}\n"
    order = load(text).orders["AAAAA1"]
    assert (order.title, order.seller) == ("$LONG_SECRET", "${PORT} $$")


def test_windows_line_ends_and_a_byte_order_mark_are_fine(load: Load) -> None:
    plain = load(SOURCE + ORDER)
    windows = load(b"\xef\xbb\xbf" + (SOURCE + ORDER).replace("\n", "\r\n").encode())
    assert windows.orders == plain.orders


def test_the_digest_follows_the_file_and_its_secrets(load: Load, file: Path) -> None:
    (file.parent / "key").write_text("abc")
    (file.parent / "key").chmod(0o600)
    text = SOURCE.replace("token: abc", "token_file: key") + ORDER
    first = load(text).digest
    assert load(text).digest == first
    assert load(text + "# more\n").digest != first
    (file.parent / "key").write_text("abd")
    assert load(text).digest != first


def test_a_missing_file_is_told_with_its_place(file: Path) -> None:
    with pytest.raises(
        Misconfigured, match=re.escape(f"orders.yaml: there is no such file (looked at {file})")
    ):
        settings.load(file, source_model=_any_source, channel_model=_any_channel, environ={})


def _bent(value: Any, dice: random.Random) -> Any:
    """Return *value* with one thing in it replaced by something else."""
    odd = [
        "",
        "x",
        "yes",
        "0",
        "-1",
        "a\nb",
        "a\0b",
        "$NO_SUCH",
        "~nobody/x",
        [],
        {},
        ["x"],
        {"x": "y"},
        [[]],
        [{}],
        {"kind": "outbox"},
    ]
    if not isinstance(value, (dict, list)) or not value or dice.random() < 0.15:
        return dice.choice(odd)
    spot = dice.choice(list(value) if isinstance(value, dict) else range(len(value)))
    bent: Any = value.copy()
    if isinstance(value, dict) and dice.random() < 0.1:
        bent[dice.choice(["x\ny", "", "kind", "id", "a/b"])] = bent.pop(spot)
    else:
        bent[spot] = _bent(value[spot], dice)
    return bent


def test_a_file_bent_in_any_way_is_read_or_answered_line_by_line(load: Load) -> None:
    dice = random.Random(11)  # noqa: S311  the same files every time
    whole = loading.parse(GOOD.read_text(), file="x").data
    refused = 0
    for _ in range(400):
        text = yaml.safe_dump(_bent(_bent(whole, dice), dice), allow_unicode=True)
        mistakes: tuple[Mistake, ...] = ()
        try:
            load(text, ENVIRON)
        except Misconfigured as error:
            refused += 1
            mistakes = error.mistakes
            shown = str(error)
        else:
            shown = ""
        assert [m for m in mistakes if not 1 <= m.line <= text.count("\n") + 1] == []
        assert len(shown.splitlines()) == len(mistakes)
        assert "correct horse" not in shown
    assert refused > 300


def test_ten_thousand_orders_with_one_mistake_tell_that_one(load: Load) -> None:
    orders = "orders:\n" + "".join(
        f"  - {{title: A{i}, tracking: AAAAA{i}, to: DE}}\n" for i in range(10_000)
    )
    with pytest.raises(Misconfigured) as caught:
        load(SOURCE + orders.replace("AAAAA7777, to: DE", "AAAAA7777, to: UK"))
    assert str(caught.value) == "orders.yaml:7780: to: 'UK' is not a country code (write GB)"
