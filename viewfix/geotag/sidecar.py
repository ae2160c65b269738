"""Write a position into an XMP sidecar, and take it out again, without touching any other property."""

from __future__ import annotations

from collections.abc import Iterator
from xml.dom.minidom import Document, Element

from .options import Naming
from .tag import Tag
from .xmp_tree import EMPTY, RDF, XMLNS, descriptions, parse, to_bytes, to_text

EXIF = "http://ns.adobe.com/exif/1.0/"
IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
OWN = "urn:viewfix:geotag:1.0/"
"""The namespace of what only viewfix writes: Probability and By. It is only a name."""

POSITION = (
    "GPSVersionID", "GPSLatitude", "GPSLatitudeRef", "GPSLongitude", "GPSLongitudeRef", "GPSMapDatum",
    "GPSHPositioningError",
)  # fmt: skip
DIRECTION = ("GPSImgDirection", "GPSImgDirectionRef")
MINUTE_STEPS = 10**6

Key = tuple[str, str]
"""The namespace and the name of a property."""


def merged(existing: bytes | None, tag: Tag) -> bytes:
    """The content of a sidecar with the tag in it. Everything else in `existing` stays as it is.

    A direction that is there already stays if the tag has none. A LocationCreated of another program stays too, unless
    it has a position of its own, which the new one would contradict.

    Raises:
        BadInput: `existing` cannot be read as XMP. The message is a phrase about the sidecar.
    """
    document, root = parse(existing or EMPTY)
    removed = {(EXIF, name) for name in (*POSITION, *(DIRECTION if tag.heading_deg is not None else ()))}
    removed |= {(OWN, "Probability"), (OWN, "By")}
    kept = [node for node in _elements(root, (IPTC, "LocationCreated")) if not _has_position(node)]
    names_place = bool(tag.place or tag.road) and not kept
    if not kept:
        removed.add((IPTC, "LocationCreated"))
    for key in removed:
        _remove(root, key)
    _add(document, root, tag, names_place=names_place)
    return to_bytes(document)


def undone(current: bytes, before: bytes | None, after: bytes) -> bytes:
    """The content of a sidecar that was edited after the tag was written, without the tag.

    What is in `after`, which viewfix wrote, and still the same in `current`, becomes as it was in `before`. Everything
    that was edited since stays.

    Raises:
        BadInput: a file cannot be read as XMP. The message is a phrase about the sidecar.
    """
    document, root = parse(current)
    old, ours = parse(before or EMPTY)[1], parse(after)[1]
    keys: list[Key] = [(EXIF, name) for name in (*POSITION, *DIRECTION)]
    for key in [*keys, (IPTC, "LocationCreated"), (OWN, "Probability"), (OWN, "By")]:
        was, wrote, now = (_texts(each, key) for each in (old, ours, root))
        if was == wrote or now != wrote:
            continue
        _remove(root, key)
        _copy(document, root, old, key)
    for each in descriptions(root):  # the element that `merged` added is empty now
        if not each.hasAttributeNS(RDF, "ID") and not any(True for _ in _content(each)):
            root.removeChild(each)
    return to_bytes(document)


def degrees_text(value: float, letters: str) -> str:
    """A latitude or longitude as XMP has it: degrees and minutes, "60,10.224720N"."""
    degrees, steps = divmod(round(abs(value) * 60 * MINUTE_STEPS), 60 * MINUTE_STEPS)
    return f"{degrees},{steps / MINUTE_STEPS:.6f}{letters[value < 0]}"


def rational(value: float) -> str:
    """A number as XMP has it in EXIF properties: "2500/100"."""
    return f"{round(value * 100)}/100"


def _has_position(location: Element) -> bool:
    if location.getElementsByTagNameNS(EXIF, "GPSLatitude"):
        return True
    return any(each.hasAttributeNS(EXIF, "GPSLatitude") for each in location.getElementsByTagName("*"))


def _elements(root: Element, key: Key) -> Iterator[Element]:
    for description in descriptions(root):
        for child in list(description.childNodes):
            if isinstance(child, Element) and (child.namespaceURI, child.localName) == key:
                yield child


def _remove(root: Element, key: Key) -> None:
    for description in descriptions(root):
        if description.hasAttributeNS(*key):
            description.removeAttributeNS(*key)
    for child in _elements(root, key):
        assert child.parentNode is not None
        child.parentNode.removeChild(child)


def _texts(root: Element, key: Key) -> list[str]:
    """A property as texts that can be compared, whether it is an attribute or an element."""
    found = [each.getAttributeNS(*key) for each in descriptions(root) if each.hasAttributeNS(*key)]
    for element in _elements(root, key):
        plain = not any(isinstance(child, Element) for child in element.childNodes) and not element.attributes
        found.append("".join(child.nodeValue or "" for child in element.childNodes) if plain else to_text(element))
    return found


def _copy(document: Document, root: Element, old: Element, key: Key) -> None:
    texts = [each.getAttributeNS(*key) for each in descriptions(old) if each.hasAttributeNS(*key)]
    nodes = list(_elements(old, key))
    if not texts and not nodes:
        return
    target = _description(document, root)
    for text in texts:
        _child(document, target, key, text)
    for node in nodes:
        copied = document.importNode(node, True)
        for prefix, uri in _prefixes(node).items():  # prefixes that were declared further up
            copied.setAttributeNS(XMLNS, f"xmlns:{prefix}" if prefix else "xmlns", uri)
        target.appendChild(copied)


def _prefixes(node: Element) -> dict[str, str]:
    found: dict[str, str] = {}
    above: object = node
    while isinstance(above, Element):
        for name, value in above.attributes.items():
            if name == "xmlns" or name.startswith("xmlns:"):
                found.setdefault(name.partition(":")[2], value)
        above = above.parentNode
    return found


def _content(description: Element) -> Iterator[object]:
    yield from (child for child in description.childNodes if isinstance(child, Element))
    for name, _ in description.attributes.items():
        if not name.startswith("xmlns") and not name.endswith(":about") and name != "about":
            yield name


def _description(document: Document, root: Element) -> Element:
    """A new element for properties, about the same thing as the others."""
    prefix = f"{root.prefix}:" if root.prefix else ""
    made = document.createElementNS(RDF, f"{prefix}Description")
    about = next((each.getAttributeNS(RDF, "about") for each in descriptions(root)), "")
    # The prefix rdf is bound again here: an attribute must have one, and the file may use another for elements.
    made.setAttributeNS(XMLNS, "xmlns:rdf", RDF)
    made.setAttributeNS(RDF, "rdf:about", about)
    root.appendChild(made)
    return made


def _add(document: Document, root: Element, tag: Tag, *, names_place: bool) -> None:
    made = _description(document, root)
    for prefix, uri in (("exif", EXIF), ("viewfix", OWN)):
        made.setAttributeNS(XMLNS, f"xmlns:{prefix}", uri)
    at = tag.position
    values = {
        "GPSVersionID": "2.3.0.0",
        "GPSLatitude": degrees_text(at.lat, "NS"),
        "GPSLongitude": degrees_text(at.lon, "EW"),
        "GPSMapDatum": "WGS-84",
    }
    if at.radius_m is not None:
        values["GPSHPositioningError"] = rational(at.radius_m)
    if tag.heading_deg is not None:
        values |= {"GPSImgDirectionRef": "T", "GPSImgDirection": rational(tag.heading_deg % 360)}
    for name, text in values.items():
        _child(document, made, (EXIF, name), text)
    if tag.confidence is not None:
        _child(document, made, (OWN, "Probability"), f"{tag.confidence:.4f}")
    if tag.by:
        _child(document, made, (OWN, "By"), tag.by)
    if names_place:
        made.setAttributeNS(XMLNS, "xmlns:Iptc4xmpExt", IPTC)
        _location(document, made, tag)


def _location(document: Document, made: Element, tag: Tag) -> None:
    created = _child(document, made, (IPTC, "LocationCreated"))
    item = _child(document, _child(document, created, (RDF, "Bag")), (RDF, "li"))
    item.setAttributeNS(RDF, "rdf:parseType", "Resource")
    if tag.place:
        languages = _child(document, _child(document, item, (IPTC, "LocationName")), (RDF, "Alt"))
        name = _child(document, languages, (RDF, "li"), tag.place)
        name.setAttribute("xml:lang", "x-default")
    if tag.road:
        _child(document, item, (IPTC, "Sublocation"), tag.road)
    _child(document, item, (EXIF, "GPSLatitude"), degrees_text(tag.position.lat, "NS"))
    _child(document, item, (EXIF, "GPSLongitude"), degrees_text(tag.position.lon, "EW"))


_PREFIXES = {EXIF: "exif", IPTC: "Iptc4xmpExt", OWN: "viewfix", RDF: "rdf"}


def _child(document: Document, parent: Element, key: Key, text: str | None = None) -> Element:
    uri, name = key
    prefix = _PREFIXES[uri]
    made = document.createElementNS(uri, f"{prefix}:{name}")
    if uri != RDF and not parent.hasAttributeNS(XMLNS, prefix) and uri not in _prefixes(parent).values():
        made.setAttributeNS(XMLNS, f"xmlns:{prefix}", uri)
    if text is not None:
        made.appendChild(document.createTextNode(text))
    parent.appendChild(made)
    return made


def sidecar_name(photo: str, naming: Naming) -> str:
    """The name of a new sidecar: "full" for photo.jpg.xmp, "stem" for photo.xmp."""
    return f"{photo}.xmp" if naming == "full" else f"{photo.rpartition('.')[0] or photo}.xmp"
