"""The command ``web``: pushes in, health and metrics out."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from importlib.util import find_spec
from typing import Annotated

import typer

from workers import app as wiring
from workers.cli.common import Config, engine, loaded
from workers.errors import Misconfigured
from workers.heel import heel
from workers.settings import WebSettings

Host = Annotated[
    str, typer.Option("--host", help="Address to listen on; default `web: {listen: …}` of the file.")
]
Port = Annotated[
    int | None,
    typer.Option("--port", min=0, max=65535, help="Port; default as above, else 8674. 0 takes a free one."),
]
Expose = Annotated[
    bool, typer.Option("--expose", help="Other machines may reach it: a proxy or firewall stands in front.")
]


def add(app: typer.Typer) -> None:
    app.command()(web)


def web(config: Config = None, host: Host = "", port: Port = None, expose: Expose = False) -> None:
    """Take pushes of tracking services, and serve /healthz, /readyz and /metrics. Ctrl-C stops in order."""
    need_extra()
    from workers.web.serve import serve  # the extra is needed by this command alone

    wiring.set_up_logging(sys.stderr)
    settings = loaded(config)
    said = settings.web or WebSettings()
    said = replace(
        said, host=host or said.host, port=said.port if port is None else port, expose=expose or said.expose
    )
    heel(os.environ)
    with engine(settings) as running:
        serve(wiring.assemble(wiring.config_path(config), running.url), said)


def need_extra() -> None:
    """Raise Misconfigured where the extra ``[web]`` is not installed."""
    if missing := [name for name in ("starlette", "uvicorn") if find_spec(name) is None]:
        raise Misconfigured(
            f"the web server needs {' and '.join(missing)}", hint='pip install "customs-watch[web]"'
        )
