"""How people and places are reached, as written in the user's file: e-mail, telephone, links, an address to listen on.

Refuses half an address: what cannot be reached is said at once, with what to write instead.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import phonenumbers

from workers.loading import Wrong
from workers.settings.values import quoted

_EMAIL = re.compile(
    r"[^\s@<>()\[\],;:\\\"]{1,64}@(localhost|[^\s@<>()\[\],;:\\\"./]+(\.[^\s@<>()\[\],;:\\\"./]+)+)"
)


def email(text: object) -> str:
    """``"anna@example.org"`` → itself; empty stays empty."""
    if not isinstance(text, str):
        raise Wrong("must be one e-mail address", "such as anna@example.org")
    text = text.strip()
    local = text.partition("@")[0]
    dots = local.startswith(".") or local.endswith(".") or ".." in local
    if not text or (_EMAIL.fullmatch(text) and text.isprintable() and len(text) <= 254 and not dots):
        return text
    inner = re.search(r"<([^<>]+)>", text)
    if inner and _EMAIL.fullmatch(inner[1]):
        raise Wrong(f"{quoted(text)} holds more than an address", f"write {inner[1]}")
    if "," in text or ";" in text:
        raise Wrong(f"{quoted(text)} is more than one address", "write one recipient for each")
    raise Wrong(f"{quoted(text)} is not an e-mail address", "such as anna@example.org")


_PHONE = re.compile(r"\+[0-9 ()./-]{4,30}", re.ASCII)


def phone(text: object) -> str:
    """``"+49 1512 3456789"`` → ``"+4915123456789"`` (E.164); empty stays empty."""
    if not isinstance(text, str):
        raise Wrong("must be one phone number", "such as +4915123456789")
    text = text.strip()
    if not text:
        return ""
    hint = "write the country first, as +4915123456789"
    if not text.startswith("+"):
        if text.startswith("00") and text[2:].isdigit():
            hint = f"write +{text[2:]}"
        raise Wrong(f"{quoted(text)} has no country", hint)
    try:
        if not _PHONE.fullmatch(text):  # the library reads past letters and extensions
            raise phonenumbers.NumberParseException(phonenumbers.NumberParseException.NOT_A_NUMBER, text)
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        raise Wrong(f"{quoted(text)} is not a phone number", hint) from None
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise Wrong(f"{quoted(text)} is not a phone number", "are there digits missing, or too many?")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_assigned(number: str) -> bool:
    """Say whether *number* (E.164) lies in a range that is in use, as far as known."""
    return phonenumbers.is_valid_number(phonenumbers.parse(number, None))


def link(text: object) -> str:
    """An ``http(s)`` address without white space or a password in it; empty stays empty."""
    if not isinstance(text, str):
        raise Wrong("must be a link", "it begins with https://")
    text = text.strip()
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        fine = False
    if not fine or not text.isprintable() or any(c in " <>\"'\\" for c in text) or len(text) > 2000:
        raise Wrong(f"{quoted(text)} is not a link", "it begins with https:// and has no spaces")
    return text


def public_url(text: object) -> str:
    """The beginning of our own addresses as readers reach them: ``https://`` and a host; empty stays empty."""
    address = link(text).rstrip("/")
    parts = urlsplit(address)
    if address and (parts.scheme != "https" or parts.query or parts.fragment):
        raise Wrong(f"{quoted(text)} is no address for links to us", "such as https://parcels.example.org")
    return address


def phone_last4(text: object) -> str:
    """``"4567"``, the end of a telephone number; empty stays empty."""
    if text == "" or (isinstance(text, str) and re.fullmatch(r"[0-9]{4}", text, re.ASCII)):
        return str(text)
    raise Wrong("is not the end of a telephone number", "write its last four digits, such as 4567")


_LISTEN = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(?P<port>[0-9]{1,5})", re.ASCII)


def listen(text: object) -> tuple[str, int]:
    """``"127.0.0.1:8674"`` → its host and port."""
    found = _LISTEN.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None or not 0 < int(found["port"]) < 65536:
        raise Wrong(f"{quoted(text)} is not an address and a port", "write 127.0.0.1:8674")
    return found["host"].strip("[]"), int(found["port"])
