"""Look at every way by which a message could reach or pay somebody: links, senders, numbers, files. Follows none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from workers.core import links, wording
from workers.core.links import Link
from workers.core.model import Operator
from workers.core.numbers import normalise
from workers.core.quote import identifier
from workers.core.scam_case import Case, Reason, Sign


def brands(operators: Sequence[Operator], plain: frozenset[str] = frozenset()) -> dict[str, Operator]:
    """Return the names by which operators go, without blanks: their aliases and domains, but for those in *plain*."""
    out: dict[str, Operator] = {}
    for operator in operators:
        domains = [
            d.split(".")[0]
            for d in (*operator.domains, *operator.unverified_domains)
            if not d.startswith("gov.")
        ]
        for name in (*domains, operator.id, *operator.aliases):
            squeezed = re.sub(r"[\W_]+", "", name.casefold())
            if len(squeezed) >= 3 and squeezed not in plain:
                out.setdefault(squeezed, operator)
    return out


# Names that are also plain words in some language: nobody imitates a post by them alone.
_WORDS = frozenset(
    {
        "post",
        "posta",
        "posten",
        "bring",
        "customs",
        "taxes",
        "toll",
        "diepost",
        "island",
        "sda",
        "abf",
        "bmf",
        "adm",
        "cbp",
    }
)


IMITATIONS = 8  # links compared letter by letter; the others are foreign all the same


def of_links(case: Case) -> Iterator[Reason]:
    """Judge every link."""
    own = _own(case)
    for link in case.message.links[: links.MOST]:
        yield from _link(case, link, own)
    if len(case.message.links) > links.MOST:
        yield case.open(Sign.TOO_LONG)


def _own(case: Case) -> tuple[Operator, ...]:
    """Return the operators whose links the message may carry."""
    return (case.speaker,) if case.speaker is not None else case.holders


def _link(case: Case, link: Link, own: Sequence[Operator]) -> Iterator[Reason]:
    if link.odd:
        yield case.against(Sign.ODD_LINK, _shown(link), link.odd)
    if not link.host:
        if not link.odd:
            yield case.open(Sign.LINK_PERHAPS, _shown(link))
    elif links.is_address(link.host):
        yield case.against(Sign.IP_LINK, _shown(link))
    elif known := _known(case, link, own):
        if not link.odd:
            yield from known
    elif not link.sure:
        yield case.open(Sign.LINK_PERHAPS, _shown(link))
    else:
        yield from _foreign(case, link)


def _known(case: Case, link: Link, own: Sequence[Operator]) -> list[Reason]:
    """Return what is said of a link to a domain that we know; nothing where we do not."""
    for operator in own:
        if links.within(link.host, operator.domains):
            return [_own_link(case, link, operator)]
    for operator in own:
        if links.within(link.host, operator.unverified_domains):
            return [case.open(Sign.LINK_UNVERIFIED, _shown(link), evidence=[operator.evidence])]
    for operator in case.operators:
        if links.within(link.host, (*operator.domains, *operator.unverified_domains)):
            seen = (_shown(link), operator.name)
            return [case.open(Sign.LINK_OTHER_OPERATOR, *seen, evidence=[operator.evidence])]
    return []


def _own_link(case: Case, link: Link, operator: Operator) -> Reason:
    clickable = not (link.bare and link.host in (operator.site, f"www.{operator.site}"))
    if operator.links_in_messages == "never" and clickable:
        weigh = case.against if case.wants else case.open
        return weigh(Sign.LINK_NEVER, _shown(link), evidence=[operator.evidence])
    return case.speaks_for(Sign.LINK_OWN, _shown(link), evidence=[operator.evidence])


def _foreign(case: Case, link: Link) -> Iterator[Reason]:
    domain = links.registrable(link.host)
    if domain in case.signs.shorteners or link.host in case.signs.shorteners:
        yield case.against(Sign.SHORT_LINK, _shown(link))
        return
    if any(label.startswith("xn--") for label in link.host.split(".")) or not link.host.isascii():
        yield case.against(Sign.PUNYCODE, _shown(link))
    names = brands(case.operators, _WORDS)
    close = case.message.links.index(link) < IMITATIONS
    how, brand = links.imitates(link, names) if close else ("", "")
    if brand:
        operator = names[brand]
        sign = Sign.LOOKALIKE if how == "lookalike" else Sign.BRAND_BORROWED
        real = next(iter(operator.domains), operator.site)
        yield case.against(sign, _shown(link), f"not {real} of {operator.name}", evidence=[operator.evidence])
    else:
        yield case.against(
            Sign.LINK_FOREIGN, _shown(link), evidence=[case.speaker.evidence if case.speaker else None]
        )


def _shown(link: Link) -> str:
    """Return where *link* leads, with nothing left to click: quoting would drop all of it."""
    return (link.host or link.shown)[:120].replace("://", ":").replace(".", "[.]")


def of_sender(case: Case) -> Iterator[Reason]:
    """Judge who it says it comes from; a good sender proves nothing."""
    message, own = case.message, _own(case)
    for sign, domains in ((Sign.SENDER_FOREIGN, message.senders), (Sign.REPLY_ELSEWHERE, message.replies)):
        for domain in domains:
            if any(links.within(domain, o.domains) for o in own):
                if sign is Sign.SENDER_FOREIGN:
                    yield case.speaks_for(Sign.SENDER_OWN, domain, evidence=[o.evidence for o in own[:1]])
            elif any(links.within(domain, o.unverified_domains) for o in own):
                yield case.open(Sign.LINK_UNVERIFIED, domain)
            else:
                yield case.against(sign, domain, evidence=[o.evidence for o in own[:1]])
    if message.by == "email" and not message.senders:
        yield case.open(Sign.SENDER_UNKNOWN, message.sender or "none")
    if message.sender and not message.senders:
        yield from _phone_sender(case)


def _phone_sender(case: Case) -> Iterator[Reason]:
    """Judge an SMS's sender: a name, a short code, or a phone number."""
    sender = case.message.sender.strip()
    digits = "".join(c for c in sender if c.isdigit())
    if re.search(r"[^\W\d_]", sender):
        squeezed = re.sub(r"[\W_]+", "", sender.casefold())
        if not any(name in squeezed for name in brands(_own(case))):
            yield case.open(Sign.SENDER_UNKNOWN, sender)
        return
    if len(digits) < 7:
        return  # a short code: these are rented, and say nothing
    codes = {
        case.signs.calling[w.order.destination]
        for w in case.watched
        if w.order.destination in case.signs.calling
    }
    abroad = sender.startswith(("+", "00")) and not any(digits.lstrip("0").startswith(code) for code in codes)
    if abroad and codes:
        yield case.against(Sign.SENDER_ABROAD, f"a number that begins with {sender[:4]}")
    else:
        weigh = case.against if case.wants else case.open
        yield weigh(Sign.SENDER_NUMBER, f"{len(digits)} digits")


def of_contacts(case: Case) -> Iterator[Reason]:
    """Judge mail addresses, phone numbers, chat names and accounts in the words."""
    own = _own(case)
    foreign = [m for m in case.message.mails if not _is_own(m.rpartition("@")[2].casefold(), own)]
    if foreign:
        yield case.against(Sign.MAIL_FOREIGN, *(m.rpartition("@")[2] for m in foreign[:3]))
    rest = _without_known(case)
    if found := wording.phones(rest):
        yield case.open(Sign.PHONE, *(f"a number of {sum(c.isdigit() for c in p)} digits" for p in found[:3]))
    ibans, wallets, chats = wording.accounts(rest)
    if ibans:
        yield case.against(Sign.TRANSFER, *(f"an account of {iban[:2].upper()}" for iban in ibans[:3]))
    if wallets:
        yield case.against(Sign.CRYPTO, "a wallet's address")
    if chats:
        yield case.open(Sign.CHAT_NAME, *(identifier(c) for c in chats[:3]))


def _is_own(domain: str, own: Sequence[Operator]) -> bool:
    return any(links.within(domain, o.domains) for o in own)


def _without_known(case: Case) -> str:
    """Return the words without links, mail addresses and the numbers that are watched."""
    text = case.whole
    for known in (*(link.shown for link in case.message.links), *case.message.mails):
        if len(known) > 3:
            text = text.replace(known, " | ")
    for number in known_numbers(case):
        text = re.sub(r"[\s.\-]{0,2}".join(map(re.escape, number)), " | ", text, flags=re.IGNORECASE)
    return text


def known_numbers(case: Case) -> list[str]:
    """Return the numbers by which the parcels that the message names are known, and their orders' numbers."""
    out = []
    for watched in case.named:
        out += [watched.parcel.number, watched.order.number, *watched.snapshot.next_numbers]
    return [number for number in map(normalise, out) if len(number) >= 5]


def of_numbers(case: Case) -> Iterator[Reason]:
    """Judge the numbers that are none of the reader's."""
    rest = _without_known(case)
    sure, perhaps = wording.tracking_like(rest, case.operators)
    if sure and not case.named:
        yield case.against(Sign.NUMBER_UNKNOWN, *(identifier(n) for n in sure[:3]))
    elif sure or perhaps:
        yield case.open(Sign.OTHER_NUMBER, *(identifier(n) for n in (*sure, *perhaps)[:3]))
    if not case.named and not sure:
        yield case.open(Sign.NUMBER_ABSENT)


def of_parts(case: Case) -> Iterator[Reason]:
    """Judge what came along: pictures, files, forms."""
    message = case.message
    if message.form:
        yield case.against(Sign.FORM)
    if message.attachments:
        yield case.open(Sign.ATTACHMENT, *message.attachments[:3])
    if strange := [host for host in message.pictures if not _is_own(host, _own(case))]:
        yield case.open(Sign.PICTURE, *strange[:3])
    if message.cut:
        yield case.open(Sign.TOO_LONG)
