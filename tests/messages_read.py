"""Reads mails as a mail program does, by a parser that is not Python's (fast-mail-parser, Rust), and groups them into conversations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import fast_mail_parser


@dataclass(frozen=True, slots=True)
class Read:
    """What a mail program has of one mail."""

    headers: Mapping[str, str]
    text: str
    html: str
    files: Mapping[str, tuple[str, str]]  # name -> kind, content

    @property
    def subject(self) -> str:
        return self.headers["Subject"]

    @property
    def references(self) -> list[str]:
        return self.headers.get("References", "").split()


def read(data: bytes) -> Read:
    """Return the mail in *data*; a header that stands twice, or a second text, is an error."""
    mail = fast_mail_parser.parse_email(data)
    assert not mail.warnings, mail.warnings
    for name, values in mail.headers.items():
        assert len(values) == 1, f"{name} stands {len(values)} times"
    [text], [html] = _bodies(mail)
    files = {one.filename: (one.mimetype, _unix(one.content.decode())) for one in mail.attachments}
    assert len(files) == len(mail.attachments), "two files of one name"
    return Read({name: values[0] for name, values in mail.headers.items()}, _unix(text), _unix(html), files)


def _bodies(mail: fast_mail_parser.PyMail) -> tuple[list[str], list[str]]:
    enclosed = {one.content.decode() for one in mail.attachments}
    return list(mail.text_plain), [one for one in mail.text_html if one not in enclosed]


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").removesuffix("\n") + "\n"


def conversations(mails: Iterable[Read], *, by_subject: bool = False) -> list[list[Read]]:
    """Group *mails* by what they refer to, as RFC 5256 (REFERENCES) does: whatever shares an ancestor is one conversation.

    *by_subject*: as Gmail, which also wants the subjects to be equal.
    """
    parent: dict[str, str] = {}

    def root(one: str) -> str:
        while parent.get(one, one) != one:
            one = parent[one]
        return one

    mails = list(mails)
    for mail in mails:
        chain = [*mail.references, mail.headers["Message-ID"]]
        for older, newer in pairwise(chain):
            parent[root(newer)] = root(older)
    found: dict[tuple[str, str], list[Read]] = {}
    for mail in mails:
        key = (root(mail.headers["Message-ID"]), mail.subject if by_subject else "")
        found.setdefault(key, []).append(mail)
    return list(found.values())
