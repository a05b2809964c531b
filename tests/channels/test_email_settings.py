"""What may stand in the settings of an e-mail channel, and that they show no password."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from workers.channels import load
from workers.channels.email import Settings
from workers.errors import Misconfigured

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"security": "none", "host": "mail.example.org"}, "in the clear"),
        ({"user": "anna"}, "belong together"),
        ({"password": "x"}, "belong together"),
        ({"host": ""}, "host is empty"),
        ({"host": "mail..example"}, "not a name of a host"),
        ({"host": "mail.example.org\r\nX"}, "not a name of a host"),
        ({"from": "nobody"}, "not an e-mail address"),
        ({"from": "a@b.c\nBcc: x@y.z"}, "not an e-mail address"),
        ({"from": "A <a@b.c>, B <b@b.c>"}, "not an e-mail address"),
        ({"reply_to": "a@b.c, d@e.f"}, "not an e-mail address"),
        ({"message_id_domain": "a b"}, "not a name of a host"),
        ({"port": "70000"}, "less than or equal to 65535"),
        ({"security": "ssl"}, "starttls"),
        ({"passwort": "x"}, "Extra inputs"),
        ({"sender": "a@b.c"}, "Extra inputs"),
    ],
)
def test_settings_refuse(given: dict[str, str], said: str) -> None:
    good = {"host": "mail.example.org", "from": "Parcels <parcels@example.org>"}
    Settings.model_validate(good)
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate({**good, **given})


def test_settings_allow_the_clear_where_it_is_meant_and_show_no_password() -> None:
    given = {
        "host": "mail.lan",
        "security": "none",
        "insecure": "yes",
        "from": "a@b.c",
        "user": "u",
        "password": "canary",
    }
    settings = Settings.model_validate(given)
    assert "canary" not in repr(settings)
    channel = load("email").open(settings, name="mail", clock=lambda: NOW)
    assert "canary" not in repr(channel._server)
    assert channel._server.port == 25


def test_a_ca_file_that_is_none_is_misconfigured(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for file in (tmp_path / "ca.pem", tmp_path / "absent.pem"):
        settings = Settings.model_validate(
            {"host": "mail.example.org", "from": "a@b.c", "ca_file": str(file)}
        )
        with pytest.raises(Misconfigured, match="ca_file"):
            load("email").open(settings, name="mail", clock=lambda: NOW)
