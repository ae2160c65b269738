"""Write the photos of a map as KML or GPX, for globes, trackers and navigation devices."""

from __future__ import annotations

from collections.abc import Iterable
from io import TextIOWrapper
from pathlib import Path
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

from ..types import Photo

_INVALID = dict.fromkeys([*(n for n in range(32) if n not in (9, 10, 13)), 0xFFFE, 0xFFFF])
"""Characters that XML 1.0 does not allow, but that a file name may contain."""


def write_kml(photos: Iterable[Photo], target: Path) -> None:
    """Write a Placemark for each photo, with its heading and time (OGC KML 2.2)."""
    with target.open("w", encoding="utf-8") as file:
        xml = _opened(file, "kml", {"xmlns": "http://www.opengis.net/kml/2.2"})
        _start(xml, "Document")
        for photo in photos:
            _start(xml, "Placemark")
            _text(xml, "name", photo.id)
            if photo.attribution:
                _text(xml, "description", photo.attribution)
            if photo.taken_at is not None:
                _start(xml, "TimeStamp")
                _text(xml, "when", photo.taken_at.isoformat())
                xml.endElement("TimeStamp")
            if photo.heading_deg is not None:
                _start(xml, "Style")
                _start(xml, "IconStyle")
                _text(xml, "heading", f"{photo.heading_deg:.1f}")
                xml.endElement("IconStyle")
                xml.endElement("Style")
            _start(xml, "Point")
            _text(xml, "coordinates", f"{photo.position.lon!r},{photo.position.lat!r}")  # KML's order
            xml.endElement("Point")
            xml.endElement("Placemark")
        xml.endElement("Document")
        _closed(xml, "kml")


def write_gpx(photos: Iterable[Photo], target: Path) -> None:
    """Write a waypoint for each photo (GPX 1.1)."""
    with target.open("w", encoding="utf-8") as file:
        about = {"version": "1.1", "creator": "viewfix", "xmlns": "http://www.topografix.com/GPX/1/1"}
        xml = _opened(file, "gpx", about)
        for photo in photos:
            at = {"lat": repr(photo.position.lat), "lon": repr(photo.position.lon)}
            _start(xml, "wpt", at)
            if photo.taken_at is not None:
                _text(xml, "time", photo.taken_at.isoformat())
            _text(xml, "name", photo.id)
            if photo.attribution:
                _text(xml, "cmt", photo.attribution)
            xml.endElement("wpt")
        _closed(xml, "gpx")


def _opened(file: TextIOWrapper, root: str, about: dict[str, str]) -> XMLGenerator:
    xml = XMLGenerator(file, encoding="utf-8", short_empty_elements=True)
    xml.startDocument()
    _start(xml, root, about)
    return xml


def _start(xml: XMLGenerator, name: str, attributes: dict[str, str] | None = None) -> None:
    xml.startElement(name, AttributesImpl(attributes or {}))


def _text(xml: XMLGenerator, name: str, text: str) -> None:
    _start(xml, name)
    xml.characters(text.translate(_INVALID))
    xml.endElement(name)


def _closed(xml: XMLGenerator, root: str) -> None:
    xml.endElement(root)
    xml.endDocument()
