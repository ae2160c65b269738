"""The properties of an XMP packet as flat tables of names and texts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .values import MOST_TEXT

MAX_BYTES = 4_000_000
MAX_DEPTH = 32
"""The deepest nesting of elements that is read. Photo editors write at most 12 levels."""

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
XML = "{http://www.w3.org/XML/1998/namespace}"
CREATED = "LocationCreated"
"""The only structure that is read: where the photo was taken. LocationShown, in contrast, is where its subject is."""

# Most packets contain only the history of an editor. Parsing takes a millisecond, this search almost nothing.
_WORTH_PARSING = re.compile(
    rb"gps|pose|yaw|gimbal|focal|gpano|altitude|creator|rights|license|webstatement|"
    rb"datetimeoriginal|datecreated|createdate",
    re.IGNORECASE,
)

_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,200}\?>")

Table = dict[str, str]


@dataclass(frozen=True, slots=True)
class Fields:
    """The properties of the photo (`own`) and of each LocationCreated (`created`).

    Names have no namespace. The items of a list are joined by commas. Of a text in several languages, the first is
    used; of two properties with the same name, the first that is not empty.
    """

    own: Table = field(default_factory=dict)
    created: tuple[Table, ...] = ()


def fields(packet: bytes) -> Fields:
    """Read a packet in one pass. If it is not XML, or declares entities, the result is empty."""
    if packet.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16, as in some sidecars
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
    """An open element.

    `kind` is "outside" above rdf:RDF, below it "rdf", "node" (rdf:Description), "value" (a property or an item of a
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
    """A target for the events of an XML parser. It keeps no tree, so that memory stays small."""

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
        """Interpret an element by the element above it."""
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
        # Read a structure only if it is a property of the photo itself.
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
        """Do nothing: every element is closed already."""


def _keep(table: Table, name: str, text: str) -> None:
    text = " ".join(text.split())[:MOST_TEXT]
    if text:
        table.setdefault(name.rpartition("}")[2], text)
