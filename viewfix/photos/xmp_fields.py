"""The properties of an XMP packet, from inside a photo or from a file beside it, as flat tables of names and texts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .values import MOST_TEXT

MAX_BYTES = 4_000_000
MAX_DEPTH = 32
"""Elements inside one another. What editors write has 12 at most; what lies deeper is not looked at."""

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
XML = "{http://www.w3.org/XML/1998/namespace}"
CREATED = "LocationCreated"
"""The one structure that is read: where the photo was taken. LocationShown is where its subject lies."""

# Most packets hold only what an editor did. Parsing costs a millisecond, looking for these next to nothing.
_WORTH_PARSING = re.compile(
    rb"gps|pose|yaw|gimbal|focal|gpano|altitude|creator|rights|license|webstatement|"
    rb"datetimeoriginal|datecreated|createdate",
    re.IGNORECASE,
)

_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,200}\?>")

Table = dict[str, str]


@dataclass(frozen=True, slots=True)
class Fields:
    """The properties of the photo itself, and each place where it is said to be created.

    Names are without their namespaces. Of a list, the items are joined by commas; of a text in several languages, the
    first. Of two properties with one name, the first that is not empty.
    """

    own: Table = field(default_factory=dict)
    created: tuple[Table, ...] = ()


def fields(packet: bytes) -> Fields:
    """Read a packet in one pass. One that is not XML, or that declares entities, holds nothing."""
    if packet.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16, as files beside photos may be
        packet = _DECLARATION.sub("", packet[:MAX_BYTES].decode("utf-16", "replace")).encode("utf-8", "replace")
    if len(packet) > MAX_BYTES or not _WORTH_PARSING.search(packet):
        return Fields()
    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    start, end = packet.find(b"<"), packet.rfind(b">")
    reader = _Reader()
    parser = ElementTree.XMLParser(target=reader)
    try:
        parser.feed(packet[start : end + 1])
        parser.close()
    except (ElementTree.ParseError, DefusedXmlException, ValueError, LookupError):  # LookupError: unknown encoding
        return Fields()
    return Fields(reader.own, tuple(reader.created))


@dataclass(slots=True)
class _Level:
    """An element that is open.

    `kind` is "outside" above rdf:RDF, then "rdf", "node" (rdf:Description), "value" (a property or the item of a
    list) or "list". `table` collects the properties of a node; None if they are not needed.
    """

    kind: str
    name: str = ""
    table: Table | None = None
    owner: Table | None = None
    holder: _Level | None = None
    texts: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    alternatives: bool = False


class _Reader:
    """Takes the events of an XML parser. Keeps no tree, so that a packet costs what its length is."""

    def __init__(self) -> None:
        self.own: Table = {}
        self.created: list[Table] = []
        self._levels: list[_Level] = [_Level("outside")]
        self._too_deep = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._too_deep or len(self._levels) > MAX_DEPTH:
            self._too_deep += 1
            return
        level = self._level(tag, self._levels[-1])
        if level.table is not None:
            for name, text in attributes.items():
                if not name.startswith((RDF, XML)):
                    _keep(level.table, name, text)
        if level.kind == "value":
            level.texts.append(attributes.get(f"{RDF}resource", ""))
        elif level.holder is not None and f"{RDF}value" in attributes:
            level.holder.items.append(attributes[f"{RDF}value"])
        self._levels.append(level)

    def _level(self, tag: str, above: _Level) -> _Level:
        """What an element means below the one that is open."""
        if above.kind == "outside":
            return _Level("rdf" if tag == f"{RDF}RDF" else "outside")
        if above.kind == "rdf":
            return _Level("node", table=self.own)
        if tag == f"{RDF}value":  # the value of a property that has qualifiers
            return _Level("value", holder=above if above.kind == "value" else above.holder)
        if above.kind == "node":
            return self._value(tag, above.table)
        if above.kind == "list":
            return self._item(above)
        if tag in (f"{RDF}Bag", f"{RDF}Seq", f"{RDF}Alt"):
            above.alternatives = tag == f"{RDF}Alt"
            return _Level("list", name=above.name, holder=above)
        if tag == f"{RDF}Description":
            return _Level("node", table=above.table, holder=above)
        return self._value(tag, above.table)  # a property of a structure that is written without rdf:Description

    def _value(self, tag: str, owner: Table | None) -> _Level:
        name = tag.rpartition("}")[2]
        # Only a property of the photo itself may be a structure that is read.
        structure: Table | None = {} if name == CREATED and owner is self.own else None
        return _Level("value", name=name, table=structure, owner=owner)

    def _item(self, above: _Level) -> _Level:
        structure: Table | None = {} if above.holder is not None and above.holder.table is not None else None
        return _Level("value", name=above.name, table=structure, holder=above.holder)

    def data(self, text: str) -> None:
        if not self._too_deep and self._levels[-1].kind == "value":
            self._levels[-1].texts.append(text)

    def end(self, tag: str) -> None:
        if self._too_deep:
            self._too_deep -= 1
            return
        level = self._levels.pop()
        if level.kind != "value":
            return
        if level.table:
            self.created.append(level.table)
        text = " ".join("".join(level.texts).split())
        if level.holder is not None:
            if text:
                level.holder.items.append(text)
        elif level.owner is not None:
            if level.items:
                text = level.items[0] if level.alternatives else ", ".join(level.items)
            _keep(level.owner, level.name, text)

    def close(self) -> None:
        """Nothing is left to do: every element was closed."""


def _keep(table: Table, name: str, text: str) -> None:
    text = " ".join(text.split())[:MOST_TEXT]
    if text:
        table.setdefault(name.rpartition("}")[2], text)
