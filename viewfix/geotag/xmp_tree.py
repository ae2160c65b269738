"""Read and write XMP files as trees in which every property, comment and prefix survives."""

from __future__ import annotations

from xml.dom import Node
from xml.dom.minidom import CharacterData, Comment, Document, Element, ProcessingInstruction
from xml.parsers.expat import ExpatError

from defusedxml import minidom
from defusedxml.common import DefusedXmlException

from ..errors import BadInput
from ..photos.xmp_fields import MAX_BYTES

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMLNS = "http://www.w3.org/2000/xmlns/"
DEEPEST = 64
"""The deepest nesting that is kept. Photo editors write at most 12 levels."""

EMPTY = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">\n <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
    b' </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>\n'
)
"""An XMP file without properties."""

_TEXT = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord("\r"): "&#13;"}
# Line ends and tabs in attributes must be escaped: an XML parser reads them as blanks.
_ATTRIBUTE = {**_TEXT, ord('"'): "&quot;", ord("\n"): "&#10;", ord("\t"): "&#9;"}


def parse(data: bytes) -> tuple[Document, Element]:
    """Parse an XMP file. Returns the document, and its rdf:RDF, which holds the properties.

    Raises:
        BadInput: it is too large, not XML, declares entities, or is not XMP. The message is a phrase.
    """
    if len(data) > MAX_BYTES:
        raise BadInput(f"it is larger than {MAX_BYTES // 1_000_000} MB")
    try:
        document: Document = minidom.parseString(data.strip(b"\0 \r\n\t"), forbid_dtd=True)
    except DefusedXmlException:
        raise BadInput("it declares a document type or entities") from None
    except (ExpatError, ValueError, LookupError) as error:
        raise BadInput(f"it is damaged ({' '.join(str(error).split())[:80]})") from None
    for root in document.getElementsByTagNameNS(RDF, "RDF"):
        return document, root
    raise BadInput("it is XML, but not XMP")


def descriptions(root: Element) -> list[Element]:
    """The elements of an rdf:RDF that hold properties."""
    return [each for each in root.childNodes if isinstance(each, Element) and each.namespaceURI == RDF]


def to_bytes(document: Document) -> bytes:
    """Convert a document to UTF-8.

    Python's own writer is not used: until version 3.13 it loses line ends in attributes.

    Raises:
        BadInput: it is nested too deeply. The message is a phrase.
    """
    # The declaration may name another encoding than the UTF-8 that is written, so it is left out: UTF-8 is the default.
    parts: list[str] = []
    for node in document.childNodes:
        _write(node, parts, 0)
        parts.append("\n")
    return "".join(parts).encode("utf-8")


def to_text(element: Element) -> str:
    """Convert one element to text, to compare it with another."""
    parts: list[str] = []
    _write(element, parts, 0)
    return "".join(parts)


def _write(node: Node, parts: list[str], depth: int) -> None:
    if depth > DEEPEST:
        raise BadInput("its elements are nested too deeply")
    if isinstance(node, Comment):
        parts.append(f"<!--{node.data}-->")
    elif isinstance(node, ProcessingInstruction):
        parts.append(f"<?{node.target} {node.data}?>")
    elif isinstance(node, CharacterData):  # a CDATA section has the same meaning as its text
        parts.append(node.data.translate(_TEXT))
    elif isinstance(node, Element):
        parts.append(f"<{node.tagName}")
        parts += [f' {name}="{value.translate(_ATTRIBUTE)}"' for name, value in node.attributes.items()]
        parts.append(">" if node.childNodes else "/>")
        for child in node.childNodes:
            _write(child, parts, depth + 1)
        if node.childNodes:
            parts.append(f"</{node.tagName}>")
