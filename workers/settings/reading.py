"""The user's file to Settings, or to every mistake at once. Opens that file and the secrets it names, no more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from workers.core.model import Order
from workers.errors import Misconfigured, Mistake
from workers.loading import Document, decode, meant, mistakes_of, read_bytes
from workers.settings import found
from workers.settings.findings import Findings, digest
from workers.settings.people import nearest, nobody_named, recipients
from workers.settings.sections import ModelOf, Sections, secret_content
from workers.settings.settled import (
    AutoWatch,
    KeepSettings,
    Recipient,
    Section,
    Settings,
    WebSettings,
    WorkerSettings,
)
from workers.settings.shapes import (
    AutoWatchShape,
    FileShape,
    KeepShape,
    Line,
    Names,
    Switch,
    WebShape,
    WorkerShape,
)
from workers.settings.watched import Orders

EXPOSE = "write 'expose: yes' beside it where a proxy or a firewall lets nothing but /push/ through"
_START = "'customs-watch init' writes an annotated example"


def load(
    path: Path, *, source_model: ModelOf, channel_model: ModelOf, environ: Mapping[str, str]
) -> Settings:
    """Return what the file at *path* says; raises Misconfigured with every mistake in it.

    *source_model* and *channel_model* give the model of a kind's options, and raise Misconfigured for a kind
    that is not there. ``$VAR`` is looked up in *environ*, and in nothing else.
    """
    return Reading(path, source_model=source_model, channel_model=channel_model, environ=environ).settings()


class Reading:
    """One reading of the file. ``contents`` tells afterwards, also after a failure, which files it depended on."""

    def __init__(
        self, path: Path, *, source_model: ModelOf, channel_model: ModelOf, environ: Mapping[str, str]
    ) -> None:
        self.path = path
        self.contents: dict[Path, bytes | None] = {path: None}
        self._source_model = source_model
        self._channel_model = channel_model
        self._environ = environ

    def settings(self) -> Settings:
        """Read; raises Misconfigured."""
        content = self.contents[self.path] = read_bytes(self.path, name=self.path.name)
        document = decode(content, file=self.path.name)
        findings = Findings(self.path, self.contents, document)
        settings = self._settled(findings, _top(document))
        if findings.mistakes:
            in_order = dict.fromkeys(sorted(findings.mistakes, key=lambda mistake: mistake.line))
            raise Misconfigured(mistakes=tuple(in_order))
        return settings

    def _settled(self, findings: Findings, top: dict[str, Any]) -> Settings:
        for key in findings.document.data.keys() - FileShape.model_fields.keys():
            findings.wrong((key,), f"unknown key {key!r}", meant(key, FileShape, ()))
        data = self._data(findings, _part(findings, top, "data", Line, ""))
        sections = Sections(findings, self._environ, data)
        channels = self._channels(sections, top)
        sources = sections.read("sources", top.get("sources", {}), self._source_model)
        if not top.get("sources"):
            hint = "such as 'sources: {track: {kind: seventeentrack, token: $SEVENTEENTRACK_TOKEN}}'"
            findings.wrong(("sources",), "there is no source to look parcels up", hint)
        people = self._people(findings, top, channels)
        names = _names(top.get("recipients") or people)
        orders = Orders(findings, names, _names(top.get("sources") or {}))
        watched = orders.read(top.get("orders", []), top.get("defaults", {}))
        auto = self._auto_watch(findings, top, names)
        if auto is not None:
            watched = {**watched, **self._found(data, watched, top, auto, names)}
        if not top.get("orders") and auto is None:
            findings.odd(("orders",), "there is no order to watch yet", "add one below 'orders:'")
        worker = _part(findings, top, "worker", WorkerShape, WorkerShape())
        return Settings(
            file=self.path,
            digest=digest(self.contents),
            recipients=MappingProxyType(people),
            channels=MappingProxyType(channels),
            sources=MappingProxyType(sources),
            orders=MappingProxyType(watched),
            parcels=MappingProxyType({p.id: (order, p) for order in watched.values() for p in order.parcels}),
            owner=_owner(findings, top, names),
            data=data,
            templates=self._templates(findings, _part(findings, top, "templates", Line, "")),
            worker=WorkerSettings(worker.processes, worker.threads),
            web=_web(findings, top),
            auto_watch=AutoWatch(auto.a_day) if auto is not None else None,
            keep=_keep(findings, top),
            warnings=tuple(sorted(findings.warnings, key=lambda warning: warning.line)),
            read_from=tuple(self.contents),
        )

    def _auto_watch(
        self, findings: Findings, top: dict[str, Any], names: tuple[str, ...] | None
    ) -> AutoWatchShape | None:
        written = top.get("auto_watch", "no")
        if isinstance(written, str):
            if not _part(findings, {"auto_watch": written}, "auto_watch", Switch, False):
                return None
            top = {**top, "auto_watch": {}}
        before = len(findings.mistakes)
        auto: AutoWatchShape = _part(findings, top, "auto_watch", AutoWatchShape, AutoWatchShape())
        if len(findings.mistakes) > before:
            return auto
        for i, person in enumerate(auto.tell):
            if names is not None and person not in names:
                said = f"auto_watch: there is no recipient {person!r}"
                findings.wrong(("auto_watch", "tell", i), said, nearest(person, names))
        sources = top.get("sources")
        for i, source in enumerate(auto.source):
            if isinstance(sources, dict) and source not in sources:
                said = f"auto_watch: there is no source {source!r}"
                findings.wrong(("auto_watch", "source", i), said, nearest(source, tuple(sources)))
        defaults = top.get("defaults")
        if not auto.to and not (isinstance(defaults, dict) and defaults.get("to")):
            hint = "where your parcels go: two letters, such as DE; or write it below 'defaults:'"
            findings.wrong(("auto_watch",), "auto_watch: 'to' is required", hint)
        return auto

    def _found(
        self,
        data: Path,
        watched: Mapping[str, Order],
        top: dict[str, Any],
        auto: AutoWatchShape,
        names: tuple[str, ...] | None,
    ) -> dict[str, Order]:
        """Return the orders that were found in mails and do not stand in the user's file."""
        path = data / found.FILE
        content = self.contents[path] = secret_content(path)
        mine = {p.number for order in watched.values() for p in order.parcels}
        mine |= {"".join(c for c in order.number if c.isdigit()) for order in watched.values()}
        new = [each for each in found.decoded(content) if not mine & {each.order, *each.numbers}]
        sources = _names(top.get("sources")) or ()
        raw = found.as_written(new, named=auto.source, sources=sources)
        template = {k: v for k, v in _mapping(top.get("auto_watch")).items() if k != "a_day"}
        theirs = Findings(
            path, {}, Document(path.name, raw, "[]")
        )  # a mistake in our own file refuses nobody's
        orders = Orders(theirs, names, sources).read(raw, {**_mapping(top.get("defaults")), **template})
        return {} if theirs.mistakes else orders

    def _channels(self, sections: Sections, top: dict[str, Any]) -> dict[str, Section]:
        if top.get("channels"):
            return sections.read("channels", top["channels"], self._channel_model)
        return {"outbox": sections.embedded("outbox", self._channel_model)}

    def _people(
        self, findings: Findings, top: dict[str, Any], channels: dict[str, Section]
    ) -> dict[str, Recipient]:
        if top.get("recipients"):
            named = _names(top.get("channels") or channels)
            return recipients(findings, top["recipients"], channels, named)
        return nobody_named(findings, channels)

    def _data(self, findings: Findings, written: str) -> Path:
        """Return where the program keeps its own files: as written, in $CW_DATA, or ``var`` in the folder of the project."""
        if written:
            return findings.path(written)
        if self._environ.get("CW_DATA"):
            return Path(self._environ["CW_DATA"])
        folder = findings.folder
        project = next((up.parent for up in (folder, *folder.parents) if up.name == "config"), folder)
        return project / "var"

    def _templates(self, findings: Findings, written: str) -> Path | None:
        if not written:
            return None
        path = findings.path(written)
        if not path.is_dir():
            findings.wrong(("templates",), f"templates: there is no folder {path}")
        return path


def _top(document: Document) -> dict[str, Any]:
    """Return the file's top-level mapping, without keys that were left empty; raises Misconfigured."""
    if document.data is None or document.data == "":
        raise Misconfigured(mistakes=(Mistake(document.file, 1, "the file is empty", _START),))
    if not isinstance(document.data, dict):
        line = document.line(())
        form = "a list" if isinstance(document.data, list) else "a single text"
        said = f"the file is {form}, and must be a mapping with sources, recipients, channels and orders"
        hint = "write 'orders:' above the list" if form == "a list" else _START
        raise Misconfigured(mistakes=(Mistake(document.file, line, said, hint),))
    return {key: value for key, value in document.data.items() if value != ""}


def _part(findings: Findings, top: dict[str, Any], key: str, kind: Any, otherwise: Any) -> Any:
    if key not in top:
        return otherwise
    try:
        return TypeAdapter(kind).validate_python(top[key])
    except ValidationError as error:
        findings.mistakes += mistakes_of(error, kind, findings.document, at=(key,))
        return otherwise


def _web(findings: Findings, top: dict[str, Any]) -> WebSettings | None:
    if "web" not in top:
        return None
    said = _part(findings, top, "web", WebShape, WebShape())
    host, port = said.listen
    web = WebSettings(host, port, said.expose, said.public_url)
    if not (web.local or web.expose):
        findings.wrong(("web", "listen"), f"web.listen: {web.host} can be reached by other machines", EXPOSE)
    return web


def _mapping(raw: Any) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {}


def _keep(findings: Findings, top: dict[str, Any]) -> KeepSettings:
    said, plain = _part(findings, top, "keep", KeepShape, KeepShape()), KeepSettings()
    return KeepSettings(said.words or plain.words, said.parcels or plain.parcels)


def _names(raw: Any) -> tuple[str, ...] | None:
    """Return the names below a key, also of what is wrong below them; None where no names can be seen."""
    return tuple(raw) if isinstance(raw, dict) else None


def _owner(findings: Findings, top: dict[str, Any], names: tuple[str, ...] | None) -> tuple[str, ...]:
    written: list[str] = _part(findings, top, "owner", Names, [])
    for name in written:
        if names is not None and name not in names:
            findings.wrong(("owner",), f"owner: there is no recipient {name!r}", nearest(name, names))
    return tuple(written) or (names or ())[:1]
