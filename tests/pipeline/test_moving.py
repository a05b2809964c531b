"""Another file, another house: what stands in it as before is taken over with its connections, and the rest is closed."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest
import trustme

from tests.servers.valkey import Valkey, until
from workers import app
from workers.core.model import Order
from workers.house import House

FILE = """\
recipients: {{ana: {{email: ana@example.org, channels: [mail]}}}}
channels:
  mail: {{kind: email, host: mail.example.org, from: "cw@example.org", user: cw, password: {word}{more}}}
  box: {{kind: outbox, form: mail}}
sources:
  post: {{kind: dhl, token: {key}}}
orders:
  - {{title: {title}, tracking: LX400000015CN, to: ES}}
"""


def written(
    folder: Path, *, title: str = "Reel 7", word: str = "one", key: str = "t", more: str = ""
) -> Path:
    file = folder / "orders.yaml"
    file.write_text(FILE.format(title=title, word=word, key=key, more=more))
    file.chmod(0o600)
    return file


def moved(folder: Path, old: House | None, **changes: str) -> House:
    return app.furnish(app.load(written(folder, **changes), {}), old=old)


def test_what_did_not_change_is_taken_over(tmp_path: Path) -> None:
    old = moved(tmp_path, None)
    new = moved(tmp_path, old, title="Rod 7")
    assert new.settings is not old.settings
    assert (new.channels["mail"], new.channels["box"], new.sources["post"], new.renderer) == (
        old.channels["mail"],
        old.channels["box"],
        old.sources["post"],
        old.renderer,
    )


@pytest.mark.parametrize(
    ("changes", "fresh"),
    [({"word": "two"}, {"mail"}), ({"key": "u"}, {"post"}), ({"title": "Rod 7"}, set())],
)
def test_what_changed_is_opened_anew(tmp_path: Path, changes: dict[str, str], fresh: set[str]) -> None:
    old = moved(tmp_path, None)
    new = moved(tmp_path, old, **changes)
    before, after = {**old.channels, **old.sources}, {**new.channels, **new.sources}
    assert {name for name in before if before[name] is not after[name]} == fresh


def test_a_certificate_may_have_changed_under_its_name(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    old = moved(tmp_path, None, more=f", ca_file: {tmp_path}/ca.pem")
    new = moved(tmp_path, old, title="Rod 7", more=f", ca_file: {tmp_path}/ca.pem")
    assert new.channels["mail"] is not old.channels["mail"]
    assert new.channels["box"] is old.channels["box"]


def test_the_house_of_an_old_file_is_let_go_at_once(valkey: Valkey, tmp_path: Path) -> None:
    """A file of many orders may change every minute: what is still to be closed must not hold the orders."""
    living = app.assemble(written(tmp_path), valkey.fresh())
    try:
        old = weakref.ref(living.house().channels["mail"])
        written(tmp_path, title="Rod 7", word="two")
        until(lambda: "Rod 7" in str(living.house().settings.orders))
        gc.collect()
        assert old() is not None, "the control: a send may still use it"
        titles = {one.title for one in gc.get_objects() if isinstance(one, Order)}
        assert "Reel 7" not in titles
        assert "Rod 7" in titles
    finally:
        living.broker.close()
        living.store.close()
