"""The reader's list of every field a template may ask for (docs/templates.md), made from a whole context. Invents no field."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

import typer

from workers.cli import samples
from workers.cli.advice_table import escaped
from workers.core.owner import TOPICS
from workers.knowledge.table import load_table
from workers.render import BLOCKS, LISTS, chamber, formats
from workers.render.owner_words import PARAGRAPHS

HEAD: Final = """\
# Your own templates

Made by `customs-watch template-fields > docs/templates.md`; a test fails when it is out of date.

Write `templates: FOLDER` into your file. Whatever file stands in that folder under the name of one of ours (`templates/` of
this project) is used instead of it; all others stay ours. So `FOLDER/advice/pay.j2` changes one advice,
`FOLDER/layout/email.html.j2` the page around all of them, and `FOLDER/locale/de.po` single German strings. A file of your own
that others include has a name that begins with `_`. They are [Jinja](https://jinja.palletsprojects.com/) templates, read when
the program starts.

**Before**: `customs-watch validate` puts every message that your files change into words, with all fields filled and the
longest names, with hardly any field filled, in the languages of your recipients and in Hebrew, which runs from right to left.
It names each mistake with its file, and each file that stands for none of ours.

**While it runs**: where your template fails, the notice goes out in our own words, and the owner is told once. So no notice is
lost.

**Bounds**: templates are rendered in Jinja's sandbox, in a process of their own that has {memory} MB of memory (where the
system can hold it to that) and {patience:g} seconds for a message of at most {longest} characters. One that needs more is not
tried again until the program starts anew or your file changes. Values are escaped wherever they become HTML. A field that does
not exist is a mistake, and never an empty text.

## The blocks of a file

| files | blocks |
|---|---|
| `advice/<id>.j2` ([all advices](advice.md)) | {blocks}; and lists, each item on a line that begins with `- `: {lists} |
| `owner/<topic>.j2` | {owner_blocks}; lists: {lists} |
| `seller/<letter>.j2` | `addressee` (one line), `body` (a paragraph a line) |
| `layout/names.j2` | one block for each name, label and sentence used in several places |
| `layout/calendar.j2` | `name`, and `summary_…` and `about_…` for each kind of date |
| `layout/*.html.j2`, `layout/*.txt.j2`, `layout/*short.j2` | whole pages, no blocks |

`short` is the SMS. `subject` is the headline of the page too.

## Filters

{filters}. Amounts, dates and lists are written by them as the reader writes them: `{{{{ cost.low|money }}}}`, `{{{{
pay_by.date|day }}}}`.

## In every template

| field | what it is |
|---|---|
"""
EVERYWHERE: Final = {
    "title": "the order's title, at most 60 characters; where it has none, “parcel …”; in an SMS cut further until it fits",
    "shop": "the shop, or “the shop”",
    "seller": "the seller, or “the seller”",
    "who": "who delivers, or “the delivery company”",
    "who_first": "the same at the beginning of a sentence",
    "said": "the text of the event that proves it",
    "lang": "the reader's language, such as `pt-BR`",
    "direction": "`ltr` or `rtl`",
    "reader": "the reader: `reader.day(…)`, `reader.money(…)` and others, which the filters use",
}
LAYOUTS: Final = {
    "words": "the rendered blocks, by name; also `headline` (the subject without its date) and `lead` (why it is told again)",
    "names": "headings, by the names of the blocks; `need`, `total`, `closing`",
    "costs": "`lines` (`name`, `amount`, `rule`), `total`, `notes`",
    "voices": "sentences on what the sources say beside each other",
    "timeline": "`facts`, `events` (`text`, `when`, `stage`, `place`, `shown_by`, `customs`), `earlier`",
    "guesses": "sentences",
    "letters": "`addressee`, `paragraphs`, `lang`, `direction`",
    "reasons": "sentences: why this is told",
    "order_line": "shop and order number in a sentence, or empty",
    "number_line": "the tracking number in a sentence",
}
EVENT: Final = {
    "at": "when, ISO 8601, or none",
    "day_only": "only the day is known",
    "text": "in the source's language of choice",
    "original": "the original where `text` is a translation",
    "place": "where, in the source's words",
    "country": "of the place, two letters",
    "stage": "what it says",
    "customs": "it happens at the customs of the parcel's own country",
    "source": "who showed it first",
    "witnesses": "all who showed it, four at most",
    "code": "the source's code",
    "vanished": "a later look no longer showed it",
}
RULE: Final = {
    "kind": "code, phrase, grammar, context, guess, rule or advice",
    "what": "what it says",
    "where": "file and line of our knowledge",
    "source": "where it was published",
    "checked": "when it was last compared with that, or none",
}
FIELDS: Final = {
    "version": "of this list; a notice of another version is not rendered",
    "advice": "the advice's id",
    "topic": "what it is about: advices of one topic speak of the same matter",
    "needs_you": "`yes`, `no` or `wait`",
    "urgent": "it passes quiet hours",
    "contact": "whom to ask first: operator, customs, seller, shop, bank, or empty",
    "letters": "ids of the letters that go with it",
    "why": "why it is told: first, first_look, changed, reminder, escalated, resolved, reopened",
    "now": "when this was decided",
    "order.id": "the order's id in your file",
    "order.title": "its title, at most 120 characters",
    "order.shop": "the shop, or empty",
    "order.seller": "the seller, or empty",
    "order.number": "the shop's order number, or empty",
    "order.origin": "two letters",
    "order.destination": "two letters",
    "order.pieces": "kinds of goods",
    "order.goods": "price of the goods, money or none",
    "order.shipping": "price of the shipping, money or none",
    "order.vat_paid": "`yes`, `no` or `unknown`",
    "order.vat_amount": "VAT taken at checkout, money or none",
    "order.ordered_on": "date or none",
    "parcel.id": "order and number",
    "parcel.number": "the tracking number",
    "parcel.carrier": "your hint, or empty",
    "stage": "where it stands",
    "side": "whose customs: origin, transit, destination, or empty",
    "cause": "why it stands there, or empty",
    "causes": "all causes",
    "guesses[].cause": "what may be behind it",
    "guesses[].key": "which sentence says so",
    "guesses[].days": "dates that it names",
    "guesses[].count": "a number that it names",
    "guesses[].what": "the line of the law that changed",
    "guesses[].charge": "the charge that changed",
    "addressee": "who is asked to act: buyer, sender, carrier, nobody, or empty",
    "charges": "what the events say of charges: due, paid, none, asked, unknown",
    "tax": "by your file and the law: prepaid, due, none, unknown",
    "pace": "usual, slow or stuck",
    "protection": "buyer protection: open, closing, last_call, over, unknown",
    "past_customs": "it has moved on after the release",
    "since": "since when it stands there, or none",
    "days": "for how many days",
    "days_in_customs": "days since customs first had it, or none",
    "usual.known": "we know how long it usually takes",
    "usual.half": "days after which half are through",
    "usual.most": "days after which nine of ten are through",
    "usual.stuck": "days after which it counts as stuck",
    "usual.observations": "how many waits of your own are in it",
    "usual.source": "where the figures are from",
    "last": "the newest event, or none",
    "proof": "the event that says what the stage says, or none",
    "timeline[]": "at most 12 events, the newest first; each also has `shown_by`",
    "voices.differ": "`behind`, `contradict` or empty",
    "voices.asked": "why another source was asked too, or empty",
    "voices.others": "names of the others that were asked",
    "voices.each[].source": "a source's name",
    "voices.each[].state": "says, quiet, failing or unknown",
    "voices.each[].stage": "where it sees the parcel",
    "voices.each[].day": "since when, or none",
    "voices.numbers[].number": "a further number",
    "voices.numbers[].carrier": "its carrier, or empty",
    "earlier": "how many events are not shown",
    "next_numbers": "numbers of the last mile, three at most",
    "cost.tax": "as `tax`",
    "cost.on": "the day it was estimated for",
    "cost.lines[].name": "which charge",
    "cost.lines[].low": "money",
    "cost.lines[].high": "money; equal to `low` only where it is no guess",
    "cost.lines[].since": "since when the rule holds, or none",
    "cost.lines[].note": "what is to be said of it, or empty",
    "cost.lines[].rule": "a rule",
    "cost.low": "all of it, money or none",
    "cost.high": "all of it, money or none",
    "cost.known": "there are figures",
    "cost.collected_by": "marketplace, declarant, seller, carrier, customs, none or unknown",
    "cost.scheme": "such as `IOSS`, or empty",
    "cost.prepaid_expected": "the shop should have taken the tax already",
    "cost.expected[]": "announced rules that are not in the figures",
    "cost.rates": "exchange rates that were used",
    "cost.assumptions": "what was assumed",
    "operator.id": "who delivers, by our files; empty where nobody knows",
    "operator.name": "their name, or empty",
    "operator.kind": "post, courier or platform",
    "operator.asks_by": "how they really ask: letter, card, email, sms, app, phone, door",
    "operator.pay_where": "in words, never a link",
    "operator.pay_methods": "card, cash …",
    "operator.site": "the name to type by hand",
    "operator.domains": "domains of their own",
    "operator.fee_low": "their fee, money or none",
    "operator.fee_high": "the same",
    "operator.fee_note": "what it depends on",
    "operator.documents_where": "where papers are handed in",
    "operator.contact": "how they are reached",
    "operator.bills_later": "their bill often comes after the parcel",
    "operator.links_in_messages": "never, sometimes or unknown",
    "operator.rule": "a rule, or none",
    "deadline": "the date by which this advice wants something done, or none",
    "days_left": "until then, or none",
    "pay_by.date": "date; `pay_by` itself is none where it is not known",
    "pay_by.by_rule": "it is a rule's; else our assumption",
    "documents_by.date": "as `pay_by`",
    "documents_by.by_rule": "as `pay_by`",
    "storage_end.date": "as `pay_by`",
    "storage_end.by_rule": "as `pay_by`",
    "protection_until": "the last day of the shop's protection, or none",
    "protection_days": "until then, or none",
    "dispute_by": "when to open a dispute at the latest, or none",
    "wait_until": "the first day on which waiting is no longer the answer, or none",
    "evidence[]": "what decided",
    "unseen.source": "a source that fails, where nobody has seen the parcel since; `unseen` itself is none otherwise",
    "unseen.since": "since when",
    "leads": "further reasons for writing now: `woke`, `passed_on`",
    "answered": "the mailbox that a reply goes to is read; in mails about one parcel only",
    "seen_link": "the link by which its reader says that they know, or empty; in mails only",
}
SHAPES: Final = (("event", samples.EVENT, EVENT), ("rule", samples.RULE, RULE))


def add(app: typer.Typer) -> None:
    app.command("template-fields", hidden=True)(template_fields)


def template_fields() -> None:
    """Print docs/templates.md anew."""
    sys.stdout.buffer.write(markdown().encode())


def markdown() -> str:
    """Return the whole document."""
    head = HEAD.format(
        memory=chamber.MEMORY // 1024**2,
        patience=chamber.PATIENCE.total_seconds(),
        longest=f"{chamber.LONGEST:,}",
        blocks=_named(BLOCKS),
        lists=_named(LISTS),
        owner_blocks=_named(PARAGRAPHS),
        filters=_named(sorted([*formats.FILTERS, "ways", "total", "min"])),
    )
    context = samples.whole(load_table(), "pay")
    parts = [head, *_rows(EVERYWHERE)]
    parts += [
        "\n## In advices, letters and layouts\n\nMoney is `amount` and `currency`. ",
        "Dates and moments are ISO 8601.\n\n",
    ]
    parts += ["| field | example | what it is |\n|---|---|---|\n"]
    for name, value in fields(context):
        parts.append(f"| `{name}` | {_shown(value)} | {escaped_but_code(FIELDS[name])} |\n")
    for shape, _, meanings in SHAPES:
        parts += [
            f"\n### The fields of {'an' if shape == 'event' else 'a'} {shape}\n\n| field | what it is |\n|---|---|\n",
            *_rows(meanings),
        ]
    parts += ["\n## In layouts\n\n| field | what it is |\n|---|---|\n", *_rows(LAYOUTS)]
    parts += [
        "\n## In the owner's words\n\nBeside `topic`, `needs_you`, `now`, `urgent` and `stand_in`:\n\n",
        "| file | fields |\n|---|---|\n",
    ]
    parts += [f"| `owner/{topic}.j2` | {_named(known.facts)} |\n" for topic, known in TOPICS.items()]
    return "".join(parts)


def fields(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every field below *value* with its example; money, events and rules are one field each."""
    if _is_shape(value) is not None or not isinstance(value, (dict, list)):
        yield at, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from fields(inner, f"{at}.{key}" if at else key)
    elif value and isinstance(value[0], dict):
        yield from fields(value[0], f"{at}[]")
    else:
        yield at, value


def _is_shape(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return None
    if value.keys() == {"amount", "currency"}:
        return "money"
    return next((name for name, example, _ in SHAPES if value.keys() - {"shown_by"} == example.keys()), None)


def _shown(value: Any) -> str:
    shape = _is_shape(value)
    if shape == "money":
        return f"{value['amount']} {value['currency']}"
    if shape:
        return shape if shape == "rule" else "event"
    said = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return escaped(said if len(said) <= 40 else said[:39] + "…") or "–"


def _rows(meanings: Mapping[str, str]) -> list[str]:
    return [f"| `{name}` | {escaped_but_code(said)} |\n" for name, said in meanings.items()]


def escaped_but_code(text: str) -> str:
    return text.replace("|", "\\|")


def _named(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)
