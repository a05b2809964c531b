"""Turn pydantic's errors into sentences with a line, a hint and the key that was meant. Reads no file."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Annotated, Any, Protocol, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from workers.errors import Mistake

Step = str | int


class Wrong(ValueError):  # noqa: N818  reads as a sentence where it is raised, as the errors of the house do
    """What a validator raises about a value: a sentence, and what to write instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Placed(Protocol):
    """A document whose values know their line."""

    file: str

    def line(self, path: Iterable[Step]) -> int: ...


def mistakes_of(
    error: ValidationError, model: Any, document: Placed, *, at: tuple[Step, ...] = ()
) -> list[Mistake]:
    """Turn pydantic's errors into sentences with a line and, for an unknown key, the nearest known one.

    *at* is where in the document the validated value stands.
    """
    out = []
    for item in error.errors(include_url=False):
        path = item["loc"]
        line = document.line((*at, *path))
        if item["type"] == "extra_forbidden":
            word = str(path[-1])
            out.append(Mistake(document.file, line, f"unknown key {word!r}", meant(word, model, path[:-1])))
        elif item["type"] == "missing":
            owner = (*at, *path[:-1])
            where = (
                "" if owner and isinstance(owner[-1], int) else _shown(owner)
            )  # a list's item: the line says it
            said = f"{str(path[-1])!r} is required"
            out.append(Mistake(document.file, line, f"{where}: {said}" if where else said))
        else:
            where = _shown((*at, *path))
            said, hint = _said(item)
            out.append(Mistake(document.file, line, f"{where}: {said}" if where else said, hint))
    return out


def visible(text: str) -> str:
    """Return *text* as one line in which nothing is hidden."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _shown(path: tuple[Step, ...]) -> str:
    """Return the words of a path a person needs beside the line: no counts, and from the list item on."""
    first = next((i for i, step in enumerate(path) if isinstance(step, int)), None)
    inner = [str(s) for s in path if isinstance(s, str)]
    if first is not None:
        inner = [str(s) for s in path[first:] if isinstance(s, str)] or inner
    return visible(".".join(step for step in inner if step.isidentifier() or "[" not in step))


_MESSAGES = {
    "string_type": "must be text",
    "string_too_long": "is longer than {max_length} characters",
    "string_too_short": "is shorter than {min_length} characters",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping of keys and values",
    "mapping_type": "must be a mapping of keys and values",
    "model_type": "must be a mapping of keys and values",
    "model_attributes_type": "must be a mapping of keys and values",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "decimal_parsing": "must be a number",
    "bool_parsing": "must be yes or no",
    "bool_type": "must be yes or no",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
}


def _said(item: Any) -> tuple[str, str]:
    context: Mapping[str, Any] = item.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, Wrong):
        return str(cause), cause.hint
    if item["type"] == "string_too_short" and context.get("min_length") == 1:
        return "is empty", ""
    known = _MESSAGES.get(item["type"])
    return (known.format(**context) if known else str(item["msg"]).removeprefix("Value error, ")), ""


def meant(word: str, model: Any, path: tuple[Step, ...]) -> str:
    """Say which key may have been meant: one the model knows other words for, or the nearest in letters."""
    owner = model_at(model, path)
    if owner is None:
        return ""
    other_words: Mapping[str, str] = getattr(owner, "other_words", {})
    keys = [info.alias or name for name, info in owner.model_fields.items()]
    if word.lower() in other_words:
        return f"did you mean {other_words[word.lower()]!r}?"
    near = difflib.get_close_matches(word.lower(), keys, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there are: {', '.join(keys)}" if len(keys) <= 12 else ""


def model_at(annotation: Any, path: tuple[Step, ...]) -> type[BaseModel] | None:
    """Return the model whose keys stand at *path* below *annotation*, as far as the annotations tell."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return model_at(get_args(annotation)[0], path)
    if origin is Union or origin is UnionType:
        # pydantic puts the union's arm into the path: try with that step and without
        tries = ((arm, steps) for steps in (path, path[1:]) for arm in get_args(annotation))
        return next((found for arm, steps in tries if (found := model_at(arm, steps))), None)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not path:
            return annotation
        for name, info in annotation.model_fields.items():
            if path[0] == (info.alias or name):
                return model_at(info.annotation, path[1:])
        if "root" in annotation.model_fields:
            return model_at(annotation.model_fields["root"].annotation, path)
        return None
    arguments = get_args(annotation)
    if not arguments or not path:
        return None
    return model_at(arguments[0] if origin is tuple else arguments[-1], path[1:])
