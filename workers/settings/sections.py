"""Sources and channels of the user's file: secrets put in, paths made whole, options checked by the kind's model.

Refuses to let a secret out: none stands in a mistake or a warning, nor in a repr where the kind's model holds
it as ``SecretStr``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from workers.core.limits import Quota, What
from workers.errors import Misconfigured, Mistake
from workers.loading import Step, Wrong, mistakes_of
from workers.settings.findings import Findings
from workers.settings.settled import Second, Section
from workers.settings.shapes import QuotaShape
from workers.settings.shapes import name as check_name

_VARIABLE = re.compile(r"\$(?:(?P<escape>\$)|(?P<bare>[A-Za-z_][A-Za-z0-9_]*)|\{(?P<braced>[^{}]*)\})")
_CONTAINER_SECRETS = Path("/run/secrets")  # readable by all inside a container, and by nobody outside
_LARGEST_SECRET = 64 * 1024

COMMON = ("kind", "quota", "second")  # keys that every source may have
_QUOTA_HINT = "such as {calls: 250, per: day}, or none"

ModelOf = Callable[[str], type[BaseModel]]


class Sections:
    """Reads the sections of one file, one after the other."""

    def __init__(self, findings: Findings, environ: Mapping[str, str], data: Path) -> None:
        self.findings = findings
        self.environ = environ
        self.data = data
        self._secrets: set[str] = set()
        self._failed: set[str] = set()  # keys of the section at hand that have their mistake already

    def read(self, group: str, raw: Any, model_of: ModelOf) -> dict[str, Section]:
        """Return the sections below *group* that are right."""
        if not isinstance(raw, dict):
            example = "{kind: outbox}" if group == "channels" else "{kind: seventeentrack}"
            self.findings.wrong(
                (group,), f"{group}: must be a mapping of names", f"such as 'mine: {example}'"
            )
            return {}
        found = {name: self._section((group, name), name, options, model_of) for name, options in raw.items()}
        return {name: section for name, section in found.items() if section is not None}

    def embedded(self, kind: str, model_of: ModelOf) -> Section:
        """Return a section of *kind* as it is when nobody configured one."""
        model = model_of(kind)
        return Section(kind, model.model_validate(self._paths_left_out(model, {})))

    def _section(self, at: tuple[str, str], name: str, raw: Any, model_of: ModelOf) -> Section | None:
        where = ".".join(at)
        try:
            check_name(name)
        except Wrong as error:
            self.findings.wrong(at, str(error), error.hint)
        if not isinstance(raw, dict):
            self.findings.wrong(at, f"{where}: must be a mapping of keys and values")
            return None
        kind = raw.get("kind")
        if not isinstance(kind, str) or not kind:
            self.findings.wrong(at, f"{where}: 'kind' is required", "it says which kind of thing this is")
            return None
        try:
            model = model_of(kind)
        except Misconfigured as error:
            self.findings.wrong((*at, "kind"), str(error.args[0]), error.hint)
            return None
        self._failed = set()
        fields = _fields_of(model)
        common = COMMON if at[0] == "sources" else ("kind",)
        options = self._options(at, fields, {key: value for key, value in raw.items() if key not in common})
        quota = self._quota(at, raw["quota"]) if "quota" in common and "quota" in raw else None
        second = self._second(at, raw["second"]) if "second" in common and "second" in raw else "yes"
        try:
            return Section(kind, model.model_validate(self._paths_left_out(model, options)), quota, second)
        except ValidationError as error:
            self._tell(error, model, at, raw)
            return None

    def _quota(self, at: tuple[str, str], raw: Any) -> tuple[Quota, ...]:
        """Return what the user says a source allows; ``none`` lifts what its kind says."""
        if raw in ("none", "no", ""):
            return ()
        found: list[Quota] = []
        for i, one in enumerate(raw if isinstance(raw, list) else [raw]):
            here = (*at, "quota", i) if isinstance(raw, list) else (*at, "quota")
            if not isinstance(one, dict):
                self.findings.wrong(here, f"{'.'.join(at)}.quota: must be a mapping", _QUOTA_HINT)
                continue
            try:
                shape = QuotaShape.model_validate(one)
            except ValidationError as error:
                self.findings.mistakes += mistakes_of(error, QuotaShape, self.findings.document, at=here)
                continue
            what: What = "numbers" if shape.calls is None else "calls"
            if any(quota.what == what for quota in found):
                self.findings.wrong(
                    here, f"{'.'.join(at)}.quota: {what} stands twice", "keep the smaller one"
                )
            found.append(Quota(what, shape.calls or shape.numbers or 1, shape.per))
        return tuple(found)

    def _second(self, at: tuple[str, str], raw: Any) -> Second:
        """Return whether a source is asked where another is in doubt."""
        for word in get_args(Second):
            if raw == word:
                return word  # type: ignore[no-any-return]  # get_args cannot say what it returns
        said = f"{'.'.join(at)}.second: must be yes, no or only"
        self.findings.wrong((*at, "second"), said, "only: asked where another is in doubt, and else never")
        return "yes"

    def _options(
        self, at: tuple[str, ...], fields: Mapping[str, FieldInfo], raw: dict[str, Any]
    ) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, value in raw.items():
            base = key.removesuffix("_file")
            if base != key and key not in fields and base in fields:
                if base in raw:
                    said = f"{base!r} and {key!r} say the same thing"
                    self.findings.wrong((*at, key), said, "keep one of them")
                else:
                    out[base] = self._from_file(at, base, key, value)
                continue
            inner = _model_in(fields[key].annotation) if key in fields else None
            if inner is not None and isinstance(value, dict):
                out[key] = self._paths_left_out(inner, self._options((*at, key), _fields_of(inner), value))
                continue
            out[key] = self._expanded((*at, key), (*at, key)[2], value)
            annotation = fields[key].annotation if key in fields else None
            if _speaks_of(annotation, SecretStr):
                self._guard(at, key, value, out[key])
            elif _speaks_of(annotation, Path) and isinstance(out[key], str) and out[key]:
                out[key] = str(self.findings.path(out[key]))
        return out

    def _guard(self, at: tuple[str, ...], key: str, written: Any, meant: Any) -> None:
        """Remember the secrets of an option, and warn where one stands in a file that others can read."""
        self._secrets.update(_texts(meant))
        literal = any(text and not _VARIABLE.search(text) for text in _texts(written))
        if literal and _open_to_all(self.findings.file):
            hint = f"chmod 600 {self.findings.file.name}, or write $A_VARIABLE, or {key}_file"
            self.findings.odd(
                (*at, key), f"{'.'.join(at)}.{key}: everybody on this machine can read this", hint
            )

    def _expanded(self, at: tuple[Step, ...], key: str, value: Any) -> Any:
        """Return *value* with ``$VAR`` and ``${VAR}`` replaced, at any depth; ``$$`` is a dollar sign."""
        if isinstance(value, dict):
            return {inner: self._expanded((*at, inner), key, part) for inner, part in value.items()}
        if isinstance(value, list):
            return [self._expanded((*at, i), key, part) for i, part in enumerate(value)]
        if "$" not in value:
            return value

        def replace(found: re.Match[str]) -> str:
            if found["escape"]:
                return "$"
            variable = found["bare"] or found["braced"]
            content = self.environ.get(variable)
            if content is None:
                where = ".".join(str(step) for step in at if isinstance(step, str))
                said = f"{where}: the environment has no variable {variable!r}"
                self.findings.wrong(at, said, "set it, or write $$ for a dollar sign")
                self._failed.add(key)
                return ""
            self._secrets.add(content)
            return content

        return _VARIABLE.sub(replace, value)

    def _from_file(self, at: tuple[str, ...], base: str, key: str, value: Any) -> str:
        """Return the secret in the file that *value* names, for the option *base*."""
        here = (*at, key)
        where = ".".join(here)
        top = (*at, base)[2]  # whose mistakes of the model are not told beside
        if not isinstance(value, str) or not value:
            self.findings.wrong(here, f"{where}: must be the path of a file")
            self._failed.add(top)
            return ""
        failed = len(self._failed)
        written = self._expanded(here, top, value)
        if len(self._failed) > failed:
            return ""
        path = self.findings.path(written)
        content = self.findings.contents[path] = secret_content(path)
        secret, said, hint = _secret(content)
        if said:
            self.findings.wrong(here, f"{where}: {path} {said}", hint)
            self._failed.add(top)
        elif _open_to_all(path) and not path.is_relative_to(_CONTAINER_SECRETS):
            self.findings.odd(
                here, f"{where}: everybody on this machine can read {path}", f"chmod 600 {path}"
            )
        self._secrets.add(secret)
        return secret

    def _paths_left_out(self, model: type[BaseModel], options: dict[str, Any]) -> dict[str, Any]:
        """Put defaults below ``var/`` into the folder that holds the program's own files."""
        out = dict(options)
        for key, info in model.model_fields.items():
            given = info.alias or key
            if given not in out and isinstance(info.default, Path) and info.default.parts[:1] == ("var",):
                out[given] = str(self.data.joinpath(*info.default.parts[1:]))
        return out

    def _tell(
        self, error: ValidationError, model: type[BaseModel], at: tuple[str, str], raw: dict[str, Any]
    ) -> None:
        steps = [str(item["loc"][0]) if item["loc"] else "" for item in error.errors(include_url=False)]
        said = mistakes_of(error, model, self.findings.document, at=at)
        for key, mistake in zip(steps, said, strict=True):
            if key in self._failed:
                continue
            line = mistake.line
            if key and key not in raw and f"{key}_file" in raw:
                line = self.findings.document.line((*at, f"{key}_file"))
            message, hint = self._masked(mistake.message), self._masked(mistake.hint)
            self.findings.mistakes.append(Mistake(mistake.file, line, message, hint))

    def _masked(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            if len(secret) > 5:
                text = text.replace(secret, "***")
            elif secret:  # a short one, such as a port: only where it stands alone
                text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text)
        return text


def secret_content(path: Path) -> bytes | None:
    """Return the bytes of a secret's file, or as many as show that it is too large; None where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_SECRET + 1)
    except (OSError, ValueError):  # ValueError: there is a NUL in the path
        return None


def _open_to_all(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & 0o004)
    except OSError:  # gone in the meantime
        return False


def _secret(content: bytes | None) -> tuple[str, str, str]:
    """Return the secret, or what is wrong with the file and what to do."""
    if content is None:
        return "", "cannot be read", "is it there, and readable for this user?"
    if len(content) > _LARGEST_SECRET:
        return "", "is larger than a secret can be", "the secret alone, on one line"
    try:
        text = content.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        text = ""
    return (text, "", "") if text else ("", "holds no text", "the secret alone, on one line")


def _texts(value: Any) -> list[str]:
    """Return every text in *value*, at any depth."""
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in _texts(part)]


def _fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a model by the keys that the user writes."""
    return {info.alias or key: info for key, info in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model of an option that is a section of its own: that of ``Replies | None``."""
    either = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    for one in either:
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None


def _speaks_of(annotation: Any, kind: type) -> bool:
    """Say whether *kind* stands anywhere in *annotation*: ``dict[str, SecretStr] | None`` speaks of SecretStr."""
    if isinstance(annotation, type) and not get_args(annotation):
        return issubclass(annotation, kind)
    return any(_speaks_of(inner, kind) for inner in get_args(annotation))
