"""Where it listens, and how it refuses to."""

from __future__ import annotations

import sys

import pytest

from workers.cli.web import need_extra
from workers.errors import Misconfigured
from workers.settings import WebSettings
from workers.web.serve import listening


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_an_address_that_others_reach_is_refused_unless_told(host: str) -> None:
    with pytest.raises(Misconfigured, match=r"can be reached by other machines \(write 'expose: yes'"):
        listening(WebSettings(host=host, port=0))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.8.9.1"])
def test_this_machine_alone_is_the_default(host: str) -> None:
    assert WebSettings() == WebSettings("127.0.0.1", 8674, False)
    listening(WebSettings(host=host, port=0)).close()


def test_it_may_be_exposed() -> None:
    listening(WebSettings(host="0.0.0.0", port=0, expose=True)).close()


def test_a_port_that_is_taken_is_said() -> None:
    with listening(WebSettings(port=0)) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"cannot listen on 127.0.0.1, port {port}: .*--port"):
            listening(WebSettings(port=port))


def test_without_the_extra_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    need_extra()
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(Misconfigured, match=r"needs uvicorn \(pip install \"customs-watch\[web\]\"\)"):
        need_extra()
