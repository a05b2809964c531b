"""Read YAML as text: nothing guessed, no key twice, no anchors, every value knows its line. Types come from the models.

``NO`` stays Norway, a tracking number keeps its zeros and money stays exact, because scalars are never interpreted here.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from workers.errors import Misconfigured, Mistake

LIMIT = 256 * 1024 * 1024  # bytes; a million orders fit

Model = TypeVar("Model", bound=BaseModel)
Step = str | int


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file as dicts, lists and strings, and the nodes it came from."""

    file: str
    data: Any
    root: yaml.Node | None

    def line(self, path: Iterable[Step]) -> int:
        """Return the line (from 1) of the value at *path*, or of the nearest thing above it that exists."""
        node = self.root
        line = 1 if node is None else node.start_mark.line + 1
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            line, node = found
        return line


def _child(node: yaml.Node | None, step: Step) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        value = node.value[step]
        return value.start_mark.line + 1, value
    return None


def read(path: Path, *, name: str = "") -> Document:
    """Read the YAML file at *path*; raises Misconfigured with every mistake of form."""
    shown = name or path.name
    try:
        if path.stat().st_size > LIMIT:
            raise Misconfigured(mistakes=(Mistake(shown, 1, "the file is larger than 256 MiB"),))
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise Misconfigured(f"{shown}: there is no such file", hint=f"looked at {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{shown}: cannot be read: {error}") from error
    return parse(text, file=shown)


def parse(text: str, *, file: str) -> Document:
    """Parse YAML *text*; raises Misconfigured with every mistake of form."""
    try:
        for event in yaml.parse(text, Loader=yaml.CBaseLoader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                line = event.start_mark.line + 1
                raise Misconfigured(
                    mistakes=(Mistake(file, line, "anchors and aliases are not allowed", "write the value again"),)
                )
        root = yaml.compose(text, Loader=yaml.CBaseLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise Misconfigured(mistakes=(Mistake(file, mark.line + 1 if mark else 1, f"not YAML: {problem}"),)) from error
    mistakes: list[Mistake] = []
    data = _plain(root, file, mistakes)
    if mistakes:
        raise Misconfigured(mistakes=tuple(mistakes))
    return Document(file, data, root)


def _plain(node: yaml.Node | None, file: str, mistakes: list[Mistake]) -> Any:
    if node is None:
        return None
    if isinstance(node, yaml.ScalarNode):
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, file, mistakes) for item in node.value]
    out: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            mistakes.append(Mistake(file, key.start_mark.line + 1, "a key must be a word"))
            continue
        if key.value in out:
            mistakes.append(Mistake(file, key.start_mark.line + 1, f"the key {key.value!r} stands twice"))
        out[key.value] = _plain(value, file, mistakes)
    return out


def validate(model: type[Model], document: Document) -> Model:
    """Return *document* as a *model*; raises Misconfigured with every mistake, each with its line."""
    try:
        return model.model_validate(document.data if document.data is not None else {})
    except ValidationError as error:
        raise Misconfigured(mistakes=tuple(mistakes_of(error, model, document))) from None


def mistakes_of(error: ValidationError, model: type[BaseModel], document: Document) -> list[Mistake]:
    """Turn pydantic's errors into sentences with a line and, for an unknown key, the nearest known one."""
    out = []
    for item in error.errors(include_url=False, include_context=False):
        path = item["loc"]
        line = document.line(path)
        if item["type"] == "extra_forbidden":
            word = str(path[-1])
            near = difflib.get_close_matches(word, _known(model, path[:-1]), n=1)
            hint = f"did you mean {near[0]!r}?" if near else ""
            out.append(Mistake(document.file, line, f"unknown key {word!r}", hint))
        else:
            where = ".".join(str(step) for step in path)
            message = item["msg"].removeprefix("Value error, ")
            out.append(Mistake(document.file, line, f"{where}: {message}" if where else message))
    return out


def _known(model: Any, path: tuple[Step, ...]) -> list[str]:
    """Return the keys a mapping at *path* below *model* may have, as far as the annotations tell."""
    for step in path:
        fields = getattr(model, "model_fields", None)
        if fields is None:
            return []
        if isinstance(step, int):
            continue
        by_alias = {info.alias or name: info for name, info in fields.items()}
        if step not in by_alias:
            continue  # a key of a mapping, or a union's tag
        model = _model_in(by_alias[step].annotation)
    fields = getattr(model, "model_fields", {})
    return [info.alias or name for name, info in fields.items()]


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
