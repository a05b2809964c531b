"""Read YAML as text: nothing guessed, no key twice, no anchors, no tags, every value knows its line.

``NO`` stays Norway, a tracking number keeps its zeros and money stays exact: scalars are never interpreted
here, types come from the models. The text is read event by event, never as a tree of nodes: that is several
times faster, and deep nesting, which crashes the C composer, is a mistake like any other. Lines are looked up
in a second reading, made only when there is one to tell.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from workers.errors import Misconfigured, Mistake
from workers.mistakes import Step, Wrong, meant, mistakes_of, visible

__all__ = [
    "Document",
    "Step",
    "Wrong",
    "decode",
    "meant",
    "mistakes_of",
    "parse",
    "read",
    "read_bytes",
    "validate",
    "visible",
]

LIMIT = 256 * 1024 * 1024  # bytes; a million orders fit
DEPTH = 50  # levels; ours have five

Model = TypeVar("Model", bound=BaseModel)


@dataclass(slots=True)
class Document:
    """A YAML file as dicts, lists and strings. Its repr shows no content: there may be passwords in it."""

    file: str
    data: Any = field(repr=False)
    text: str = field(repr=False, default="")
    _places: Any = field(repr=False, default=None)

    def line(self, path: Iterable[Step]) -> int:
        """Return the line (from 1) of the value at *path*, or of the nearest thing above it that exists."""
        if self._places is None:
            self._places = _places(self.text)
        line, inside = self._places
        for step in path:
            found = None
            if isinstance(inside, dict):
                found = inside.get(str(step))
            elif isinstance(inside, list) and isinstance(step, int) and step < len(inside):
                found = inside[step]
            if found is not None:  # else a step of the model only, such as the arm of a union
                line, inside = found
        return int(line)


def read(path: Path, *, name: str = "") -> Document:
    """Read the YAML file at *path*; raises Misconfigured with every mistake of form."""
    shown = name or path.name
    return decode(read_bytes(path, name=shown), file=shown)


def read_bytes(path: Path, *, name: str) -> bytes:
    """Return the bytes of the file at *path*; raises Misconfigured where there is none that can be read."""
    try:
        found = path.stat()
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):  # a pipe or device may never end
            raise Misconfigured(f"{name}: is no file but a pipe or a device", hint=f"looked at {path}")
        if found.st_size > LIMIT:
            raise Misconfigured(mistakes=(Mistake(name, 1, "the file is larger than 256 MiB"),))
        return path.read_bytes()
    except FileNotFoundError:
        raise Misconfigured(f"{name}: there is no such file", hint=f"looked at {path}") from None
    except OSError as error:
        raise Misconfigured(f"{name}: cannot be read: {error.strerror}", hint=f"looked at {path}") from error


def decode(content: bytes, *, file: str) -> Document:
    """Parse the bytes of a file, which must be UTF-8; a byte order mark is fine."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        said = Mistake(file, line, "a byte here is not UTF-8", "save the file as UTF-8")
        raise Misconfigured(mistakes=(said,)) from None
    return parse(text, file=file)


def parse(text: str, *, file: str) -> Document:
    """Parse YAML *text*; raises Misconfigured with every mistake of form."""
    builder = _Builder(file)
    loader = yaml.CBaseLoader(text)
    try:
        builder.run(loader.get_event)
    except yaml.YAMLError as error:
        raise Misconfigured(mistakes=(*builder.mistakes, _not_yaml(error, text, file))) from None
    finally:
        loader.dispose()
    if builder.mistakes:
        raise Misconfigured(mistakes=tuple(builder.mistakes))
    return Document(file, builder.root[0] if builder.root else None, text)


class _Builder:
    """Turns the events of one document into dicts, lists and strings."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: list[Mistake] = []
        self.root: list[Any] = []

    def wrong(self, event: Any, message: str, hint: str = "") -> None:
        self.mistakes.append(Mistake(self.file, event.start_mark.line + 1, message, hint))

    def run(self, next_event: Any) -> None:  # noqa: C901  one flat loop over the events: 30 per order, so no calls in it
        scalar, open_map, close_map = yaml.ScalarEvent, yaml.MappingStartEvent, yaml.MappingEndEvent
        open_list, close_list = yaml.SequenceStartEvent, yaml.SequenceEndEvent
        into: Any = self.root
        key: str | None = None  # of the value to come; None where a key is to come
        stack: list[tuple[Any, str | None]] = []
        while True:
            event = next_event()
            kind = type(event)
            if kind is scalar:
                if event.anchor is not None or event.tag is not None:
                    self.odd(event)
                value: Any = event.value
            elif kind is open_map or kind is open_list:
                if event.anchor is not None or event.tag is not None:
                    self.odd(event)
                if type(into) is dict and key is None:
                    self.wrong(event, "a key must be a word", "quote it if it begins with [ or {")
                    return
                if len(stack) >= DEPTH:
                    self.wrong(event, f"nested more than {DEPTH} levels deep")
                    return
                stack.append((into, key))
                into, key = ({} if kind is open_map else []), None
                continue
            elif kind is close_map or kind is close_list:
                value = into
                into, key = stack.pop()
            elif self.other(event, kind):
                return
            else:
                continue
            if type(into) is list:
                into.append(value)
            elif key is None:
                if value in into:
                    self.wrong(event, f"the key {value!r} stands twice", "keep one of them")
                key = value
            else:
                into[key] = value
                key = None

    def other(self, event: yaml.Event, kind: type[yaml.Event]) -> bool:
        """Handle the events that are not data; returns True where reading is over."""
        if kind is yaml.AliasEvent:
            self.odd(event)
            return True
        if kind is yaml.DocumentStartEvent and self.root:
            self.wrong(event, "a second document begins here", "take the '---' out")
            return True
        return kind is yaml.StreamEndEvent

    def odd(self, event: Any) -> None:
        if event.anchor is None:
            self.wrong(event, "tags are not allowed", "quote the value if it begins with '!'")
        else:
            hint = "write the value again, or quote it if it begins with & or *"
            self.wrong(event, "anchors and aliases are not allowed", hint)


def _events(text: str) -> Iterable[Any]:
    return yaml.parse(text, Loader=yaml.CBaseLoader)


def _places(text: str) -> tuple[int, Any]:
    """Return (line, inside) of a text that parsed well; inside is {key: place}, [place] or None."""
    into: Any = []
    key: tuple[str, int] | None = None
    stack: list[tuple[Any, Any]] = []
    root = into
    for event in _events(text):
        kind = type(event)
        line = event.start_mark.line + 1
        inside: Any = None
        if kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            into, key = stack.pop()
            continue
        if kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            inside = {} if kind is yaml.MappingStartEvent else []
        elif kind is not yaml.ScalarEvent:
            continue
        elif isinstance(into, dict) and key is None:
            key = (event.value, line)
            continue
        if isinstance(into, dict) and key is not None:
            into[key[0]] = (key[1], inside)
            key = None
        else:
            into.append((line, inside))
        if inside is not None:
            stack.append((into, key))
            into = inside
    return root[0] if root else (1, None)


_INVISIBLE = "there is an invisible character here; write the line again"
_YAML_HINTS = {
    "mapping values are not allowed": "a text that holds ': ' must be quoted",
    "could not find expected ':'": "is there a ':' missing, or a quote that does not end?",
    "did not find expected key": "look at the indentation, or quote the value above",
    "did not find expected '-'": "look at the indentation of this list",
    "did not find expected ',' or": "is there a ',' or a closing bracket missing above?",
    "expected alphabetic or numeric": "quote a value that begins with & or *",
    "unexpected end of stream": "a quote does not end",
    "unknown escape character": "in double quotes a backslash is special; use single quotes",
    "control characters are not allowed": _INVISIBLE,
}


def _not_yaml(error: yaml.YAMLError, text: str, file: str) -> Mistake:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read")
    hint = next((said for part, said in _YAML_HINTS.items() if part in problem), "")
    if mark is None:  # a character that YAML refuses: its place is a count of bytes
        place = getattr(error, "position", None) or 0
        line = text.encode(errors="replace").count(b"\n", 0, place) + 1
        return Mistake(file, line, f"not YAML: {problem}", hint or _INVISIBLE)
    if "cannot start any token" in problem:
        hint = "quote a value that begins with @, ` or %"
        lines = text.splitlines()
        if mark.line < len(lines) and "\t" in lines[mark.line]:
            hint = "there is a tab in this line: indent with spaces"
    return Mistake(file, mark.line + 1, f"not YAML: {problem}", hint)


def validate(model: type[Model], document: Document) -> Model:
    """Return *document* as a *model*; raises Misconfigured with every mistake, each with its line."""
    try:
        return model.model_validate(document.data if document.data is not None else {})
    except ValidationError as error:
        raise Misconfigured(mistakes=tuple(mistakes_of(error, model, document))) from None
