"""Tables of what was sent to whom and why, what was kept silent and why, and where parcels stand."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from workers import app as wiring
from workers import overview
from workers.cli import answer, budget, voices
from workers.cli.common import console, dump, one_line, say
from workers.core.health import unseen
from workers.core.model import Stage
from workers.core.owner import MATTER, is_matter
from workers.settings import Settings
from workers.store import NoticeRow, Store

STAGE_WORDS = {"unknown": "nothing known yet"}
WHY_WORDS = {
    "first": "first notice of this stage",
    "first_look": "where it stands now",
    "changed": "the advice changed",
    "reminder": "a deadline nears",
    "escalated": "time for the next step",
    "resolved": "closes an alarm",
    "reopened": "taken back by the carrier",
    "history": "old news, nothing to do",
    "nothing_to_do": "nothing you need to know",
    "already_told": "told before",
    "not_now": "too early to say more",
    "muted": "muted by you",
    "nobody_to_tell": "nobody is to be told",
    "owner": "customs-watch itself has trouble",
}
WAITS_WORDS = {
    "together": "others of their order",
    "digest": "the next digest",
    "quiet": "the end of quiet hours",
    "gap": "the gap after the last about their parcel",
    "cap": "tomorrow, the day's cap being reached",
}
ROOMY = 70  # columns; on a narrower terminal every column of a table gives way
BESIDE = 70  # columns that the last word leaves to the others
NEEDS_WORDS = {"yes": "yes", "no": "no", "wait": "wait"}
NEEDS_STYLE = {"yes": "bold red", "wait": "yellow", "no": "green"}  # beside the word, never instead of it


def words(stage: str) -> str:
    return STAGE_WORDS.get(stage, stage.replace("_", " "))


def decisions(store: Store, settings: Settings) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield the last decision on every watched parcel; an empty one where nothing was decided yet."""
    remembered = store.recall_many(list(settings.parcels))
    fares, now = store.source_health(), wiring.now()
    for parcel in settings.parcels:
        known = remembered.get(parcel)
        decided = json.loads(known.decision) if known and known.decision else {}
        failed = overview.trouble(store.recollect(f"trouble:{parcel}"), known)
        hidden = budget.unseen_words(unseen(known.due, fares, now=now)) if known else ""
        more = {"trouble": failed, "unseen": hidden}
        yield parcel, {**decided, **{key: said for key, said in more.items() if said}}


def sent(store: Store, *, as_json: bool) -> None:
    """Print every open or sent notice, newest first."""
    rows = store.notices()
    if as_json:
        dump([_row(row) for row in rows])
        return
    table = Table(title="Notices", title_justify="left")
    for head in ("parcel", "to", "by", "state", "why", "topic"):
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(
            about(row), row.recipient, row.channel, row.state, WHY_WORDS.get(row.why, row.why), row.topic
        )
    console().print(table if rows else "No notice is owed or was sent.")


def _row(row: NoticeRow) -> dict[str, Any]:
    return {
        "id": row.id, "parcel": row.parcel, "recipient": row.recipient, "channel": row.channel, "state": row.state,
        "why": row.why, "stage": row.stage, "topic": row.topic, "error": row.error, "attempts": row.attempts,
    }  # fmt: skip


def demo(store: Store, settings: Settings, before: set[str], *, as_json: bool) -> None:
    """Print what this run sent, to whom and why, and what it kept silent and why."""
    fresh = [row for row in store.notices(states=("sent",)) if row.id not in before]
    told: dict[str, list[NoticeRow]] = {}
    for row in (row for row in fresh if not is_matter(row.parcel)):
        told.setdefault(row.parcel, []).append(row)
    decided = dict(decisions(store, settings))
    if as_json:
        dump({"sent": [_row(r) for r in fresh], "decisions": decided})
        return
    if not fresh:
        say(f"Nothing new: all {len(settings.parcels)} parcels stand where they stood, and everything was told before. "
            "`make demo FRESH=1` starts over.")  # fmt: skip
        return
    spoke = Table(
        title=f"Sent: {len(fresh)} messages about {len(told)} parcels", title_justify="left", box=SIMPLE
    )
    roomy = console().width >= ROOMY
    for head, width in (("order, where it stands", 20), ("needs you", 10), ("what, to whom, why", 24)):
        spoke.add_column(head, overflow="fold", min_width=width if roomy else None)
    silent = Table(title=f"Kept silent: {len(decided) - len(told)} parcels", title_justify="left", box=SIMPLE)
    for head in ("order", "stands at", "why"):
        silent.add_column(head, overflow="fold")
    for parcel, one in decided.items():
        title, stage = Text(one.get("title", parcel)), words(one.get("stage", "unknown"))
        if parcel in told:
            rows = told[parcel]
            ways = ", ".join(sorted({row.channel for row in rows}))
            people = ", ".join(sorted({row.recipient for row in rows}))
            spoke.add_row(
                Text.assemble((one.get("title", parcel), "bold"), "\n", (stage, "dim")),
                _needs(one),
                Text.assemble(one["advice"].replace("_", " "), "\n", (f"{ways} to {people}: {WHY_WORDS[rows[0].why]}", "dim")),
            )  # fmt: skip
        else:
            silent.add_row(title, stage, WHY_WORDS.get(one.get("why", ""), "not looked at yet"))
    console().print(spoke)
    console().print(silent)


def status(
    store: Store,
    settings: Settings,
    *,
    held: str,
    unfit: Sequence[str] = (),
    remarks: Mapping[str, Sequence[str]] | None = None,
    as_json: bool,
) -> None:
    """Print where every parcel stands, worst first, and how the sources are; *remarks*: what they say of themselves."""
    rows = []
    for parcel, one in decisions(store, settings):
        rows.append({"parcel": parcel, "order": settings.parcels[parcel][0].title, **one})
    rows.sort(key=lambda r: (_weight(r), r.get("deadline") or "9999", r["order"]))
    counts = store.counts()
    if as_json:
        dump({
            "parcels": rows,
            "sources": {one.name: budget.plain(one) for one in budget.standings(store, settings)},
            "compared": {name: found for name in settings.sources if (found := comparison(store, name))},
            "remarks": {name: said for name, said in (remarks or {}).items() if said},
            "counts": counts,
            "held": held,
            "unfit": list(unfit),
            "aside": [
                {"recipient": one.recipient, "channel": one.channel, "since": one.since, "error": one.error}
                for one in store.all_aside()
            ],
            "barred": [
                {"channel": one.channel, "since": one.since, "until": one.until, "waiting": one.waiting, "error": one.error}
                for one in store.bars()
                if one.channel in settings.channels
            ],
        })  # fmt: skip
        return
    console().print(_standing(rows, settings))
    _matters(store, settings, held=held, unfit=unfit)


def _standing(rows: Sequence[Mapping[str, Any]], settings: Settings) -> Table:
    """Return the table of parcels: two lines each where the terminal is wide enough, and nothing told by colour alone."""
    needs = sum(row.get("needs_you") == "yes" for row in rows)
    title = f"{len(rows)} {'parcel' if len(rows) == 1 else 'parcels'}, {needs} {'needs' if needs == 1 else 'need'} you"
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE, pad_edge=False)
    width = console().width
    roomy = width >= ROOMY
    for head, least in (("order and number", 18), ("stands at", 9), ("needs you", 13), ("last word", 18)):
        table.add_column(head, overflow="fold", min_width=least if roomy else None)
    for row in rows:
        proof = row.get("proof") or {}
        said = row.get("unseen") or row.get("trouble") or voices.differ(row) or proof.get("text", "")
        number = settings.parcels[row["parcel"]][1].number
        table.add_row(
            Text.assemble((row["order"], "bold"), "\n", (number, "dim")),
            words(row.get("stage", "unknown")),
            _need(row),
            Text(one_line(said, 2 * max(width - BESIDE, 16) if roomy else 80)),
        )
    return table


def _need(row: Mapping[str, Any]) -> Text:
    """Return whether it needs the person, and below by when."""
    need = row.get("needs_you", "")
    by = f"\nby {row['deadline']}" if need == "yes" and row.get("deadline") else ""
    return Text.assemble((NEEDS_WORDS.get(need, "–"), NEEDS_STYLE.get(need, "dim")), by)


def _matters(store: Store, settings: Settings, *, held: str, unfit: Sequence[str]) -> None:
    """Print what wants somebody's attention beside the parcels."""
    if held:
        say(held)
    for line in unfit:
        say(f"Not fit: {line}.")
    for line in budget.remarks(budget.standings(store, settings), minute=_minute):
        say(line)
    for line in compared(store, *settings.sources):
        say(line)
    for dead in store.all_aside():
        say(f"Nothing is sent to {dead.recipient} by {dead.channel} since {_minute(dead.since)}: {one_line(dead.error)}. "
            f"Correct the address in your file, or `notices enable {dead.recipient} {dead.channel}`.")  # fmt: skip
    for line in barred(store, settings):
        say(line[0].upper() + line[1:])
    for lost in store.notices(states=("held", "failed", "expired")):
        say(
            f"A notice about {about(lost)} to {lost.recipient} by {lost.channel} is {lost.state}: {one_line(lost.error)}"
        )
    for line in answer.replies(store, settings):
        say(line)
    for line in waiting(store):
        say(line[0].upper() + line[1:])
    held_back = put_off(store)
    if held_back:
        said = ", ".join(f"{n} for {WAITS_WORDS.get(reason, reason)}" for reason, n in held_back.items())
        say(f"Notices wait for their time: {said}. `notices` shows them, `notices release` lets one go now.")


def barred(store: Store, settings: Settings) -> list[str]:
    """Say which channels let nothing out until somebody mends them."""
    return [
        f"nothing goes out by {bar.channel} since {_minute(bar.since)}: {one_line(bar.error)}. What is owed there waits; it is "
        f"tried again at {bar.until:%H:%M} UTC, and at once when its section in your file is changed."
        for bar in store.bars()
        if bar.channel in settings.channels
    ]


def put_off(store: Store) -> dict[str, int]:
    """Return how many notices wait for which reason of time."""
    waits = Counter(row.waits_for for row in store.notices(states=("pending",)) if row.waits_for)
    return dict(waits.most_common())


def comparison(store: Store, source: str) -> dict[str, Any]:
    """Return what the last comparison with *source* found, as ``workers/tidy.py`` remembers it; empty for none."""
    found = store.recollect(f"compared:{source}")
    return dict(json.loads(found)) if found else {}


def compared(store: Store, *sources: str) -> list[str]:
    """Say of the last comparison with each of *sources* what a person may want to do something about."""
    return [line for source in sources for line in _compared(source, comparison(store, source))]


def _compared(source: str, found: dict[str, Any]) -> list[str]:
    if not found:
        return []
    lines = []
    if found["remain"] is not None:
        lines.append(
            f"{source} follows {found['follows']} numbers; {found['remain']} of {found['total']} new ones are left."
        )
    if count := found["unwatched_count"]:
        some = ", ".join(found["unwatched"][:5]) + (" …" if count > 5 else "")
        told = f" ({found['stopped']} were stopped)" if found["stopped"] else ""
        lines.append(f"{source} follows {count} that nobody watches here{told}: {one_line(some)}")
    return lines + [f"{source}: {one_line(said)}" for said in found["refused"][:5]]


def about(row: NoticeRow) -> str:
    """Return what a notice is about: its parcel, or what its owner's notice calls it (``source track (source broken)``)."""
    if not is_matter(row.parcel):
        return row.parcel
    return f"{row.parcel.removeprefix(MATTER).replace('/', ' ', 1)} ({row.topic.replace('_', ' ')})"


def _minute(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "its first call"


def unread(store: Store, settings: Settings) -> list[str]:
    """Say which parcels have never been looked at with success: for them silence means nothing."""
    troubled = [
        (p, one["trouble"])
        for p, one in decisions(store, settings)
        if "stage" not in one and one.get("trouble")
    ]
    if not troubled:
        return []
    parcel, trouble = troubled[0]
    more = f" (and {len(troubled) - 1} more)" if len(troubled) > 1 else ""
    return [f"the parcel {parcel} could not be looked up{more}: {one_line(trouble)}"]


def waiting(store: Store) -> list[str]:
    """Say which notices were tried in vain and will be tried again."""
    return [
        f"a notice about {about(row)} to {row.recipient} by {row.channel} could not be sent yet, and is tried again: "
        f"{one_line(row.error)}"
        for row in store.notices(states=("pending",))
        if row.attempts and row.error
    ]


def _needs(one: dict[str, Any]) -> str:
    word = NEEDS_WORDS.get(one.get("needs_you", ""), "–")
    return f"{word}, by {one['deadline']}" if word == "yes" and one.get("deadline") else word


def _weight(row: dict[str, Any]) -> int:
    return {"yes": 0, "wait": 1, "no": 2}.get(row.get("needs_you", ""), 3)


def explanation(parcel: str, title: str, one: dict[str, Any]) -> str:
    """Return the whole evidence of the last decision, as lines of text."""
    trouble = f"\nThe last look failed: {one_line(one['trouble'])}" if one.get("trouble") else ""
    trouble += f"\nIt is {one_line(one['unseen'])}. It may have moved." if one.get("unseen") else ""
    if "stage" not in one:
        return f"{parcel} ({title}): not looked at yet.{trouble}"
    lines = [
        f"{parcel} ({title})",
        "",
        f"Stands at: {words(one['stage'])}, entered {_times(one['occurrence'])}",
    ]
    if one["moved_by"]:
        lines.append(f"Moved from {words(one['before'])} by the rule {one['moved_by']}")
    proof = one["proof"]
    if proof:
        lines += ["", "Seen:", f"  “{one_line(proof['text'])}”",
                  f"  {proof['at'] or 'undated'}, shown by {', '.join(proof['witnesses']) or proof['source']}"]  # fmt: skip
        if proof["code"]:
            lines.append(f"  code {proof['code']}")
        lines += [f"  read by {_evidence(e)}" for e in proof["evidence"]]
        lines += [f"  beat {_evidence(e)}" for e in proof["beat"]]
    lines += voices.lines(one)
    lines += _causes(one)
    lines += ["", "Situation:"] + [f"  {k}: {v or '–'}" for k, v in one["situation"].items()]
    if one["rules"]:
        lines += ["", "Law of the day:"] + [f"  {_evidence(e)}" for e in one["rules"]]
    usual = one["usual"]
    lines += [
        "",
        f"Usual here: half within {usual['half']:g} days, nine of ten within {usual['most']:g} ({usual['source']})",
    ]
    lines += ["", f"Advice: {one['advice']} ({_evidence(one['advice_row'])})", f"Needs you: {one['needs_you']}",
              f"Deadline: {one['deadline'] or 'none known'}", f"Operator: {one['operator'] or 'not known'}",
              f"Why: {one['why']} ({WHY_WORDS.get(one['why'], '')})"]  # fmt: skip
    return "\n".join(lines) + trouble


def _causes(one: dict[str, Any]) -> list[str]:
    """Return the causes, those that the tracking names first: a guess never stands before one of them."""
    read = [f"  {cause.replace('_', ' ')}, as the tracking says" for cause in one.get("causes", ())]
    guessed = [f"  {g['cause'].replace('_', ' ')}: {_evidence(g)}" for g in one.get("guesses", ())]
    return ["", "Causes, the best founded first:", *read, *guessed] if read or guessed else []


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _evidence(e: dict[str, Any]) -> str:
    parts = [f"{e['kind']} {one_line(e['what'])}", e["where"], e["source"]]
    if e["checked"]:
        parts.append(f"checked {e['checked']}")
    return ", ".join(p for p in parts if p)


def entry_to_fill_in(times: int, entry: dict[str, str]) -> str:
    """Return a phrase entry for a wording nobody could read: the stage and the pattern are a person's to say."""
    text = one_line(entry["text"])
    quoted = json.dumps(text, ensure_ascii=False)  # a JSON string is a YAML string, whatever stands in it
    code = f", code {one_line(entry['system'])} {one_line(entry['code'])}" if entry.get("code") else ""
    who = one_line(entry.get("carrier") or entry.get("system") or "a carrier")
    lang = one_line(entry.get("lang") or "<lang>")
    return (
        f"# met {times} times{code}; goes into workers/knowledge/phrases/{lang}.yaml, under `phrases:`\n"
        f"  - stage:            # one of: {', '.join(stage.value for stage in Stage if stage is not Stage.UNKNOWN)}\n"
        f"    match: [{quoted}]\n    seen: [{quoted}]\n    unlike: []\n    source: {who}, seen {entry.get('on', '')}\n"
    )
