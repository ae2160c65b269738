"""An XMP packet, from inside a photo or from a file beside it, becomes a flat table of names and texts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_BYTES = 4_000_000

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"

# Most packets hold only what an editor did. Parsing costs a millisecond, looking for these next to nothing.
_WORTH_PARSING = re.compile(
    rb"gps|poseheading|yaw|creator|rights|license|webstatement|datetimeoriginal|datecreated|createdate", re.IGNORECASE
)


def fields(packet: bytes) -> dict[str, str]:
    """Names without their namespaces, and their texts; of a list the items joined by commas.

    The first that is not empty wins, as `exif:GPSLatitude` stands before what is nested
    deeper. A packet that is no XML, or that declares entities, gives nothing.
    """
    if len(packet) > MAX_BYTES or not _WORTH_PARSING.search(packet):
        return {}
    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    start, end = packet.find(b"<"), packet.rfind(b">")
    try:
        root: Element = ElementTree.fromstring(packet[start : end + 1])
    except (ElementTree.ParseError, DefusedXmlException, ValueError, LookupError):  # LookupError: unknown encoding
        return {}
    found: dict[str, str] = {}
    for description in root.iter(f"{RDF}Description"):
        for name, text in description.attrib.items():
            _keep(found, name, text)
        for child in description:
            _keep(found, child.tag, _text(child))
    return found


def _keep(found: dict[str, str], name: str, text: str) -> None:
    text = " ".join(text.split())
    if text and isinstance(name, str):
        found.setdefault(name.rpartition("}")[2], text)


def _text(element: Element) -> str:
    items = [item.text or "" for item in element.iter(f"{RDF}li")]
    if not items:
        return element.get(f"{RDF}resource") or element.text or ""
    # An alternative holds one text in several languages, a sequence several texts.
    several = element.find(f"{RDF}Alt") is None
    return ", ".join(item.strip() for item in items if item.strip()) if several else items[0]
