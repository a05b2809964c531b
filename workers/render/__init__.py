"""Turn the context of a notice into words: subject, text, HTML and SMS. Decides nothing and sends nothing.

An advice's file holds words only: its blocks are rendered to plain text first, and the layouts then place
that text, escaped where it becomes HTML. So neither tracking text nor an advice can ever become markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import css_inline
import jinja2

from workers import resources
from workers.core import sms
from workers.core.direction import bare, isolated
from workers.core.model import Message
from workers.core.quote import quote, shorten
from workers.errors import Permanent
from workers.knowledge.replies import understood_by
from workers.render import costs, formats, voices
from workers.render.apart import apart
from workers.render.bundle import Kind, bundle_message
from workers.render.catalogs import Catalogs
from workers.render.owner_words import owner_message
from workers.render.stored import readable
from workers.render.templates import Templates, items, lines, paragraph, tidy
from workers.render.way import way

Context = Mapping[str, Any]
Plain = dict[str, Any]

BLOCKS: Final = ("subject", "preheader", "happening", "needs_you", "by_when", "cost", "contact", "short")
LISTS: Final = ("steps", "dont")
SUBJECT_TITLE: Final = 60  # characters of an order's title in a subject
SHORT_TITLES: Final = (40, 28, 20, 12)  # characters tried in an SMS, until it fits
SHORT_PARTS: Final = 2  # segments of an SMS
SHORT_WHO: Final = 24
HEADINGS: Final = (
    "needs_you",
    "steps",
    "by_when",
    "cost",
    "dont",
    "contact",
    "timeline",
    "letter",
    "why",
    "guesses",
)


# What a template of the user's can raise: Jinja's own errors, and Python's where an expression goes wrong.
BAD_TEMPLATE: Final = (
    jinja2.TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


@contextmanager
def _own_words(context: Context) -> Iterator[None]:
    """Turn what a template raises inside into Permanent, with the template's name."""
    try:
        yield
    except BAD_TEMPLATE as error:
        named = f"owner/{context['owner']}" if "owner" in context else f"advice/{context.get('advice')}"
        where = getattr(error, "name", None) or f"{named}.j2"
        raise Permanent(
            f"the words of {where} cannot be put together: {error}", hint="customs-watch validate"
        ) from error


def with_date(subject: str, title: str, by: str) -> str:
    """Return *subject* with the date right behind its news: "Papers needed (act by 21 Dec): Fishing reel"."""
    news = subject.removesuffix(title) if title else subject
    said = news.rstrip(" :\u00a0\u202f")
    return f"{said} ({by}){news[len(said) :]}{title}" if news != subject and said else f"{subject} ({by})"


class Renderer:
    """Keeps the templates, the translations and the inliner. Safe to use from several threads."""

    def __init__(self, user_templates: Path | None = None, *, catalogs: Catalogs | None = None) -> None:
        """Words come from *user_templates* file by file where it has one, else from what shipped with this
        code; translations from *catalogs*, else from the ``locale`` folders of both.
        """
        folders = [*([user_templates] if user_templates else []), resources.shipped("templates")]
        self._catalogs = catalogs or Catalogs([folder / "locale" for folder in folders])
        self._templates = Templates(folders)
        self._inliner = css_inline.CSSInliner(
            keep_style_tags=False, keep_at_rules=True, load_remote_stylesheets=False
        )

    def render(self, context: Context, *, lang: str, timezone: str) -> Message:
        """Return the message for a reader of *lang* (BCP 47) in *timezone* (IANA); raises Permanent for a
        bad template.
        """
        context = readable(context)
        with _own_words(context):
            if "owner" in context:
                reader = formats.Reader.of(lang, timezone, self._catalogs.best(lang))
                return owner_message(context, reader, self._templates, self._inliner.inline)
            return self._render(context, lang, timezone)

    def bundle(self, kind: Kind, contexts: Sequence[Context], *, lang: str, timezone: str) -> Message:
        """Return one message of several notices, each of which ``render`` can put into words; raises Permanent."""
        reader = formats.Reader.of(lang, timezone, self._catalogs.best(lang))
        pages = []
        contexts = [readable(context) for context in contexts]
        for context in contexts:
            with _own_words(context):
                pages.append(self._page(context, reader))
        with _own_words(contexts[0]):
            return bundle_message(kind, pages, reader, self._templates, self._inliner.inline)

    def seen(self, state: Literal["ask", "noted", "over"], title: str, *, lang: str) -> str:
        """Return the page on which a reader says that they have seen a notice about *title*, or what became of that."""
        reader = formats.Reader.of(lang, "UTC", self._catalogs.best(lang))
        told: Plain = {"reader": reader, "lang": reader.tag, "direction": reader.direction}
        names = {
            "seen": self._templates.name("seen_button", told),
            "said": "" if state == "ask" else self._templates.name(f"seen_{state}", told),
        }
        return self._templates.layout(
            "seen.html", {**told, "names": names, "state": state, "title": quote(title, SUBJECT_TITLE)}
        )

    def leave(self, state: Literal["ask", "done", "over"], *, lang: str) -> str:
        """Return the page on which a reader says that they want no more, or what became of that."""
        reader = formats.Reader.of(lang, "UTC", self._catalogs.best(lang))
        told: Plain = {"reader": reader, "lang": reader.tag, "direction": reader.direction}
        said = self._templates.name("seen_over" if state == "over" else f"leave_{state}", told)
        names = {"said": said, "button": self._templates.name("leave_button", told)}
        return self._templates.layout("leave.html", {**told, "names": names, "state": state})

    def advices(self) -> tuple[str, ...]:
        """Return the ids of all advices that have words."""
        return self._templates.advices()

    def topics(self) -> tuple[str, ...]:
        """Return the topics of the owner's notices that have words."""
        return self._templates.topics()

    # -- the words of one notice --

    def _render(self, context: Context, lang: str, timezone: str) -> Message:
        reader = formats.Reader.of(lang, timezone, self._catalogs.best(lang))
        page = self._page(context, reader)
        text = self._templates.layout("email.txt", page)
        html = self._inliner.inline(self._templates.layout("email.html", page))
        return Message(
            subject=page["words"]["subject"],
            text=tidy(text),
            html=html,
            short=self._short(f"advice/{context['advice']}.j2", page, reader),
            lang=reader.tag,
            preheader=page["words"]["preheader"],
            steady=self._steady(page),
        )

    def _steady(self, page: Plain) -> str:
        """Return the subject of every mail in one thread, for mail programs that take another for another matter."""
        number = page["parcel"]["number"]
        about = page["title"] if number in page["title"] else f"{page['title']} ({number})"
        return f"{self._templates.name('need_yes', page)}: {about}" if page["needs_you"] == "yes" else about

    def _page(self, context: Context, reader: formats.Reader) -> Plain:
        """Return what the layouts are given of one notice."""
        told = self._told(context, reader)
        template = f"advice/{context['advice']}.j2"
        said = self._templates.say_all(template, (*BLOCKS, *LISTS), told)
        words: Plain = {name: paragraph(said[name]) for name in BLOCKS}
        words |= {name: items(said[name]) for name in LISTS}
        words["contact"] = formats.sentence(words["contact"])
        words["headline"] = words["subject"]
        if context["needs_you"] == "yes" and context["deadline"]:
            by = self._templates.name("subject_by", told)
            words["subject"] = with_date(words["subject"], told["title"], by)
        words["lead"] = self._templates.name(f"lead_{context['why']}", told)
        if context["why"] == "reminder":
            words["subject"] = self._templates.name("subject_reminder", told, subject=words["subject"])
        words["subject"] = reader.led(words["subject"])
        leads = [
            words["lead"],
            *(self._templates.name(f"lead_{key}", told) for key in context.get("leads", ())),
        ]
        words["lead"] = " ".join(filter(None, leads))
        return {
            **told,
            "words": words,
            "names": self._names(told),
            "costs": costs.lines(context["cost"], self._templates, told),
            "voices": voices.lines(told, self._templates, told),
            "timeline": self._timeline(told),
            "guesses": [self._guess(guess, told) for guess in context["guesses"]],
            "letters": [
                letter for name in context["letters"] for letter in self._letters(name, context, reader)
            ],
            "reasons": self._reasons(told),
            "order_line": self._templates.name("order_line", told) if context["order"]["number"] else "",
            "number_line": self._templates.name("number_line", told),
        }

    def _told(self, context: Context, reader: formats.Reader) -> Plain:
        """Return what every template may ask for: the context, the reader, and the usual stand-ins."""
        told: Plain = {
            **apart(context, reader.direction),
            "reader": reader,
            "lang": reader.tag,
            "direction": reader.direction,
        }
        order, who = told["order"], context["operator"]["name"] or self._templates.name("the_operator", told)
        title = isolated(shorten(context["order"]["title"], SUBJECT_TITLE), reader.direction)
        return told | {
            "title": title or self._templates.name("the_parcel", told),
            "shop": order["shop"] or self._templates.name("the_shop", told),
            "seller": order["seller"] or self._templates.name("the_seller", told),
            "who": isolated(who, reader.direction),
            "who_first": isolated(formats.begun(who), reader.direction),
            "said": (told["proof"] or {"text": ""})["text"],
        }

    def _short(self, template: str, told: Plain, reader: formats.Reader) -> str:
        """Return the SMS: the title as long as two segments allow, in the cheap alphabet where sense
        survives.
        """
        plain = quote(sms.to_gsm7(bare(told["title"])), SUBJECT_TITLE)  # the cheap spelling may make a link
        if reader.gsm and sms.segments(plain).encoding != "GSM-7":
            plain = self._templates.name(
                "the_parcel", told
            )  # one Chinese title would make the whole text cost double
        said = ""
        for length in SHORT_TITLES:
            cut = {
                "title": shorten(plain, sms.room(plain, length)),
                "who": shorten(bare(told["who"]), SHORT_WHO),
                "who_first": shorten(bare(told["who_first"]), SHORT_WHO),
            }
            apart_enough = {key: isolated(said, reader.direction, sparing=True) for key, said in cut.items()}
            shorter = told | apart_enough
            words = {"short": paragraph(self._templates.say(template, "short", shorter))}
            page = {**shorter, "words": words, "from_whom": self._templates.name("whose", told)}
            said = sms.to_gsm7(reader.led_short(paragraph(self._templates.layout("short", page))))
            if sms.segments(said).parts <= SHORT_PARTS:
                break
        return said

    def _names(self, told: Plain) -> Plain:
        names = {heading: self._templates.name(f"heading_{heading}", told) for heading in HEADINGS}
        return names | {
            "need": self._need(told),
            "total": self._templates.name("total", told),
            "closing": self._templates.name("closing", told),
            **self._seen_names(told),
            **self._reply_names(told),
        }

    def _reply_names(self, told: Plain) -> Plain:
        """Return the sentence that says how to answer the mail; none where nobody would read an answer."""
        if not told.get("answered"):
            return {}
        own = understood_by(told["lang"])[0].answers
        return {"reply_line": self._templates.name("reply_line", told, **{s.value: own[s][0] for s in own})}

    def _need(self, told: Plain) -> str:
        """Say whether it needs the person, and by when where that is still to come: the first thing to be read."""
        by = told["deadline"]
        dated = told["needs_you"] == "yes" and by and by >= told["now"][:10]
        return self._templates.name("needed_by" if dated else f"need_{told['needs_you']}", told)

    def _seen_names(self, told: Plain) -> Plain:
        """Return the names around the link by which a reader says that they know; none where there is no link."""
        link = told.get("seen_link", "")
        if not link:
            return {}
        return {
            "seen_line": self._templates.name("seen_line", told),
            "seen_button": self._templates.name("seen_button", told),
            "closing": self._templates.name("seen_closing", told, host=urlsplit(link).netloc),
        }

    def _timeline(self, told: Plain) -> Plain:
        reader: formats.Reader = told["reader"]
        facts = []
        if told.get("unseen"):
            facts.append(self._templates.name("unseen_line", told))
        if told["days_in_customs"]:
            facts.append(self._templates.name("customs_days", told))
        if told["usual"]["known"]:
            facts.append(self._templates.name("usual_line", told))
        events = [
            {
                **event,
                "when": reader.moment(event["at"], day_only=event["day_only"]),
                "stage": self._templates.name(f"stage_{event['stage']}", told),
                "shown_by": voices.witnesses(event, self._templates, told),
            }
            for event in told["timeline"]
        ]
        return {
            "facts": facts,
            "events": events,
            **way(told, self._templates, told),
            "earlier": self._templates.name("earlier", told) if told["earlier"] else "",
        }

    def _guess(self, guess: Context, told: Plain) -> str:
        """Say what may be behind the wait; the words themselves say that it is a guess."""
        reader: formats.Reader = told["reader"]
        what = self._templates.name(f"change_{guess['what']}", told, default="") if guess["what"] else ""
        what = what or self._templates.name(f"charge_{guess['charge']}", told, default="")
        return self._templates.name(
            f"guess_{guess['key']}",
            told,
            n=max(guess["count"], len(guess["days"]), 1),
            days=reader.all_of([reader.day(day) for day in guess["days"]]),
            what=what or self._templates.name("change_other", told),
        )

    def _letters(self, name: str, context: Context, reader: formats.Reader) -> list[Plain]:
        """Return a drafted message in the reader's language and, for the other side, in English."""
        readers = [reader]
        if not reader.tag.startswith("en"):
            readers.append(formats.Reader.of("en", reader.zone.key, self._catalogs.best("en")))
        template = f"seller/{name}.j2"
        letters = []
        for one in readers:
            told = self._told(context, one)
            letters.append(
                {
                    "addressee": paragraph(self._templates.say(template, "addressee", told)),
                    "paragraphs": lines(self._templates.say(template, "body", told)),
                    "lang": one.tag,
                    "direction": one.direction,  # an English letter in a Hebrew mail runs from left to right
                }
            )
        return letters

    def _reasons(self, told: Plain) -> list[str]:
        reader: formats.Reader = told["reader"]
        reasons = []
        proof = told["proof"]
        if proof is not None:
            source = ", ".join(dict.fromkeys([proof["source"], *proof["witnesses"]]))
            said = [
                self._templates.name("proof_line", told, source=source),
                reader.apart(self._templates.name("quoted", told, text=bare(proof["text"]))),
            ]
            if proof["original"] and proof["original"] != proof["text"]:
                said.append("(" + self._templates.name("original_line", told, text=proof["original"]) + ")")
            when = reader.moment(proof["at"], day_only=proof["day_only"])
            reasons.append(" ".join([*said, f"· {when}" if when else ""]).rstrip())
        for evidence in told["evidence"]:
            label = self._templates.name(f"evidence_{evidence['kind']}", told, default=evidence["kind"])
            if evidence["kind"] == "advice":  # a sentence of our table; the others are names of entries
                evidence = {**evidence, "what": reader.catalog.gettext(evidence["what"])}
            cited = formats.cited(evidence, reader.apart)
            reasons.append(self._templates.name("labelled", told, label=label, said=cited))
        return reasons
