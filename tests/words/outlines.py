"""Reads a page as an HTML 5 parser does, and tells what stands in it: its elements, its words, an outline to be reviewed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

Outline = list[tuple[str, Any]]
CUT = 44  # characters of a line of an outline; the words themselves are reviewed in the text part


def outline(html: str) -> Outline:
    """Return the elements of a page with their attributes, and its texts, in order, as an HTML 5 parser reads it."""
    root = LexborHTMLParser(html).root
    assert root is not None
    return list(_walk(root))


def _walk(node: LexborNode) -> Iterator[tuple[str, Any]]:
    if node.tag == "-text":
        if node.text_content and node.text_content.strip():
            yield "text", " ".join(node.text_content.split())
        return
    yield str(node.tag), tuple(node.attributes.items())
    for child in node.iter(include_text=True):
        yield from _walk(child)
    yield "end", node.tag


def skeleton(html: str) -> Outline:
    """Return the page's elements and attributes without its words."""
    return [(tag, said) for tag, said in outline(html) if tag != "text"]


def texts(html: str) -> list[str]:
    return [said for tag, said in outline(html) if tag == "text"]


def read(html: str) -> Iterator[tuple[str, str]]:
    """Yield every text in the body with what it stands in: ``h1``, ``td.sum``; and where the language changes, which begins."""
    body = LexborHTMLParser(html).body
    assert body is not None
    for node in body.traverse(include_text=True):
        if node.tag == "-text":
            said = " ".join((node.text_content or "").split())
            if said not in ("", "·") and node.parent is not None:
                yield _named(node.parent), said
        elif node.tag == "div" and (lang := node.attributes.get("lang")):
            yield _named(node), f"[{lang} {node.attributes.get('dir')}]"


def _named(node: LexborNode) -> str:
    return ".".join([str(node.tag), *(node.attributes.get("class") or "").split()])


def reviewed(html: str, text: str) -> list[str]:
    """Return the outline of a mail's page, a line for each of its texts: cut short where *text*, its text part, says it whole."""
    told = _solid(re.sub(r"^  \| ?", "", text, flags=re.MULTILINE))  # the bar of a letter
    return [f"{name}: {_cut(said) if _solid(said) in told else said}" for name, said in read(html)]


def _cut(said: str) -> str:
    return said if len(said) <= CUT else said[: CUT - 1] + "…"


def _solid(text: str) -> str:
    return "".join(text.split()).casefold()
