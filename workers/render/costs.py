"""Say what it will cost: each charge with its rule and date, the sum, and what was assumed. Calculates nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from workers.render import formats
from workers.render.templates import Templates

Context = Mapping[str, Any]
Plain = dict[str, Any]

GST: Final = frozenset({"AU", "CA", "IN", "NZ", "SG"})  # where the import VAT goes by this name
RULE_NAME: Final = re.compile(r"\w+ ([a-z_.]+) from (\d{4}-\d\d-\d\d)")  # how knowledge.law names a row


def lines(cost: Context, templates: Templates, told: Plain) -> Plain:
    """Return what the layouts are given of an estimate: its lines, their sum, and what is to be said of it."""
    found = [
        {
            "name": _charge(line["name"], templates, told),
            "amount": templates.range(line["low"], line["high"], told),
            "rule": _rule(line, templates, told),
        }
        for line in cost["lines"]
    ]
    assumed = cost["assumptions"] if found else ()  # without figures there is nothing they would qualify
    notes = [_assumption(key, templates, told) for key in assumed]
    reader: formats.Reader = told["reader"]
    notes += [reader.rate(rate) for rate in cost["rates"]]
    notes += [_announced(rule, templates, told) for rule in cost["expected"]]
    total = templates.range(cost["low"], cost["high"], told) if cost["known"] else ""
    return {"lines": found, "total": total, "notes": notes}


def _announced(rule: Context, templates: Templates, told: Plain) -> str:
    """Say what is to change, in words: the rule calls itself "EU handling_fee from 2026-11-01 (expected)"."""
    reader: formats.Reader = told["reader"]
    found = RULE_NAME.match(rule["what"])
    line, day = (found[1].replace(".", "_"), found[2]) if found else ("other", None)
    what = templates.name(f"change_{line}", told, default="")
    past = day is not None and day <= told["now"][:10]
    return templates.name(
        "expected_past_line" if past else "expected_line",
        told,
        what=what or templates.name("change_other", told),
        day=reader.day(day) or templates.name("no_date", told),
        source=formats.cite(rule["source"]),
    )


def _charge(name: str, templates: Templates, told: Plain) -> str:
    if name == "import_vat" and told["order"]["destination"] in GST:
        name = "gst"
    return templates.name(f"charge_{name}", told, default=name.replace("_", " "))


def _assumption(key: str, templates: Templates, told: Plain) -> str:
    key, _, what = key.partition(":")
    if key == "seller_owes":
        return templates.name("seller_owes", told, what=_charge(what, templates, told))
    return templates.name(f"assumption_{key}", told, default=key.replace("_", " "))


def _rule(line: Context, templates: Templates, told: Plain) -> str:
    reader: formats.Reader = told["reader"]
    rule = line["rule"]
    parts = []
    if rule["source"] and rule["checked"]:
        parts.append(
            templates.name(
                "rule_checked",
                told,
                source=formats.cite(rule["source"]),
                day=reader.moment(rule["checked"], day_only=True),
            )
        )
    elif rule["source"]:
        parts.append(formats.cite(rule["source"]))
    if line["note"]:
        parts.append(templates.name(f"note_{line['note']}", told, default=line["note"].replace("_", " ")))
    if line["since"]:
        parts.append(templates.name("charge_since", told, day=reader.moment(line["since"], day_only=True)))
    return "; ".join(parts)
