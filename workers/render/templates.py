"""The sandbox in which templates are rendered: one environment for words, one for layouts. Knows no notice."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from workers.render import formats

Context = Mapping[str, Any]
Plain = dict[str, Any]

_TWO_STOPS: Final = re.compile(
    r"(?<!\.)\.\.(?![.\w])|(?<=…)\."
)  # "evil..top" of a stranger must not become a name
# Where a line may break: not at an unbreakable space, such as French has before a colon.
_BLANKS: Final = re.compile(r"[^\S\u00a0\u202f]+")
# Names without a variable in them: rendered once for each reader.
FIXED: Final = (
    "heading_", "need_", "lead_", "way_", "charge_", "assumption_", "note_", "evidence_", "stage_", "phase_", "owner_", "total",
    "closing", "whose", "digest_more",
)  # fmt: skip

PLAIN_LAYOUTS: Final = frozenset(
    f"layout/{name}.j2" for name in ("email.txt", "short", "digest.txt", "digest.short")
)


class Templates:
    """The templates of some folders, the earlier winning file by file. Safe to use from several threads."""

    def __init__(self, folders: Sequence[Path]) -> None:
        loader = jinja2.ChoiceLoader([jinja2.FileSystemLoader(folder) for folder in folders])
        self._words = self._environment(
            loader, autoescape=False, trim_blocks=False
        )  # line breaks have a meaning
        self._layouts = self._environment(loader, autoescape=_escaped, trim_blocks=True)
        self._template = lru_cache(maxsize=512)(self._words.get_template)
        self._fixed = lru_cache(maxsize=4096)(self._say_fixed)

    def advices(self) -> tuple[str, ...]:
        """Return the ids of all advices that have words."""
        names = self._words.list_templates(
            filter_func=lambda name: name.startswith("advice/") and not name.startswith("advice/_")
        )
        return tuple(name.removeprefix("advice/").removesuffix(".j2") for name in names)

    def topics(self) -> tuple[str, ...]:
        """Return the topics of the owner's notices that have words."""
        names = self._words.list_templates(
            filter_func=lambda name: name.startswith("owner/") and not name.startswith("owner/_")
        )
        return tuple(name.removeprefix("owner/").removesuffix(".j2") for name in names)

    def layout(self, name: str, page: Plain) -> str:
        """Render the whole layout *name*; what goes into HTML is escaped."""
        return self._layouts.get_template(f"layout/{name}.j2").render(page)

    def _environment(
        self, loader: jinja2.BaseLoader, *, autoescape: bool | Callable[[str | None], bool], trim_blocks: bool
    ) -> ImmutableSandboxedEnvironment:
        environment = ImmutableSandboxedEnvironment(
            loader=loader,
            autoescape=autoescape,
            undefined=jinja2.StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=trim_blocks,
            lstrip_blocks=True,
            keep_trailing_newline=False,
            auto_reload=False,
        )
        environment.policies["ext.i18n.trimmed"] = True
        environment.install_gettext_callables(  # type: ignore[attr-defined]  # added by the i18n extension
            formats.gettext, formats.ngettext, newstyle=True
        )
        environment.filters.update(formats.FILTERS)
        environment.filters["ways"] = self._ways
        environment.filters["total"] = self._total
        environment.filters["min"] = min
        return environment

    def range(self, low: Context, high: Context, told: Plain) -> str:
        reader: formats.Reader = told["reader"]
        if low == high:
            return reader.money(low)
        return self.name("range", told, low=reader.money(low), high=reader.money(high))

    @jinja2.pass_context
    def _ways(self, context: jinja2.runtime.Context, ways: Sequence[str]) -> str:
        told = dict(context)
        reader: formats.Reader = told["reader"]
        return reader.either([self.name(f"way_{way}", told, default=way) for way in ways])

    @jinja2.pass_context
    def _total(self, context: jinja2.runtime.Context, cost: Context) -> str:
        return self.range(cost["low"], cost["high"], dict(context))

    def say(self, template: str, name: str, told: Plain) -> str:
        """Render one block of *template* to plain text; "" where it has none."""
        return self.say_all(template, (name,), told)[name]

    def say_all(self, template: str, names: Sequence[str], told: Plain) -> dict[str, str]:
        """Render blocks of *template* over one context: building it costs more than most blocks do."""
        found = self._template(template)
        context = found.new_context(told)
        said = {}
        for name in names:
            block = found.blocks.get(name)
            try:
                said[name] = "".join(block(context)) if block is not None else ""
            except jinja2.UndefinedError as error:
                raise jinja2.UndefinedError(f"{error.message} (block {name} of {template})") from error
        return said

    def name(self, name: str, told: Plain, *, default: str = "", **more: object) -> str:
        """Return a name of ours in the reader's language; *default* where names.j2 has no such block."""
        if name.startswith(FIXED) and not more:
            return self._fixed(name, told["reader"]) or default
        return paragraph(self.say("layout/names.j2", name, told | more)) or default

    def _say_fixed(self, name: str, reader: formats.Reader) -> str:
        return paragraph(self.say("layout/names.j2", name, {"reader": reader}))


def _escaped(template: str | None) -> bool:
    """Only the layouts of plain text are not escaped."""
    return template not in PLAIN_LAYOUTS


def paragraph(said: str) -> str:
    """Return *said* on one line; a sentence that ends in an abbreviation ("4. Jan.") or is cut ("Post…") has one full stop."""
    return _TWO_STOPS.sub(lambda found: found[0][:-1], _one_line(said))


def _one_line(said: str) -> str:
    return _BLANKS.sub(" ", said).strip()


def lines(said: str) -> list[str]:
    return [_one_line(line) for line in said.splitlines() if line.strip()]


def items(said: str) -> list[str]:
    """Return the items of a list: each begins with "- "; what does not, goes on with the item before."""
    found: list[str] = []
    for line in lines(said):
        if line.startswith("- ") or not found:
            found.append(line.removeprefix("- "))
        else:
            found[-1] += " " + line
    return found


def tidy(text: str) -> str:
    trimmed = [line.rstrip() for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(trimmed)).strip() + "\n"
