"""A small part of XML, read strictly, and its canonical form.

What is read has elements, attributes, namespaces and text. Document types (and with them entities
and default attributes), comments, processing instructions, CDATA sections and attributes of the
prefix `xml` are refused: what the canonical form leaves out, or two readers may see differently,
is never read.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn
from xml.parsers import expat

from avow.verifier.attestation.nvidia.limits import LIMITS
from avow.verifier.errors import VerificationError

_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"})
_VALUE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"}
)

# The URI of a namespace ("" for none) and a local name.
Name = tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Element:
    """An element: its name as written and as meant, its attributes, its children in order.

    `scope` maps every prefix in force to its URI, `declared` names those that the element declares.
    `attributes` maps a name to the name as written and the value.
    """

    written: str
    name: Name
    scope: Mapping[str, str]
    declared: tuple[str, ...]
    attributes: Mapping[Name, tuple[str, str]]
    children: list["Element | str"]

    def value(self, local: str, namespace: str = "") -> str:
        """The value of an attribute that must be there."""
        found = self.attributes.get((namespace, local))
        if found is None:
            raise VerificationError("parse", f"XML: <{self.written[:80]}> lacks {local!r}")
        return found[1]

    def elements(self) -> list["Element"]:
        """The child elements; between them may only be white space."""
        if any(isinstance(child, str) and child.strip(" \t\r\n") for child in self.children):
            raise VerificationError("parse", f"XML: unexpected text in <{self.written[:80]}>")
        return [child for child in self.children if isinstance(child, Element)]

    def text(self) -> str:
        """The text of an element that holds nothing else."""
        texts = [child for child in self.children if isinstance(child, str)]
        if len(texts) != len(self.children):
            raise VerificationError("parse", f"XML: <{self.written[:80]}> may only hold text")
        return "".join(texts)

    def walk(self) -> Iterator["Element"]:
        """The element and all below it."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()


def parse_xml(data: bytes, what: str) -> Element:
    """The root of a document in UTF-8; `what` names it in errors."""
    if len(data) > LIMITS.xml_bytes:
        raise VerificationError(
            "parse", f"{what} may have at most {LIMITS.xml_bytes} bytes, it has {len(data)}"
        )
    builder = _Builder(what)
    parser = expat.ParserCreate("UTF-8")
    parser.ordered_attributes = True
    parser.buffer_text = True
    parser.XmlDeclHandler = builder.declaration
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = builder.refusing("a document type")
    parser.CommentHandler = builder.refusing("a comment")
    parser.ProcessingInstructionHandler = builder.refusing("a processing instruction")
    parser.StartCdataSectionHandler = builder.refusing("a CDATA section")
    try:
        # A byte order mark of UTF-16 would outweigh the encoding that was named above.
        data.decode("utf-8")
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError) as error:
        raise VerificationError("parse", f"{what} is not XML: {error}") from error
    return builder.finished()


def canonical(element: Element, without: Element | None = None) -> bytes:
    """Canonical XML 1.1 (inclusive, no comments) of an element, leaving out one inside it.

    The namespaces that the element inherits are written in it, as the standard has it for a part of
    a document. It inherits nothing else, since no attributes of the prefix `xml` are read.
    """
    parts: list[str] = []
    _write(element, element.scope, {}, without, parts)
    return "".join(parts).encode("utf-8")


def _write(
    element: Element,
    prefixes: Iterable[str],
    outside: Mapping[str, str],
    without: Element | None,
    parts: list[str],
) -> None:
    parts.append(f"<{element.written}")
    for prefix in sorted(prefixes):
        uri = element.scope[prefix]
        # What the element around it has said already is not said again.
        if outside.get(prefix) != uri:
            name = f"xmlns:{prefix}" if prefix else "xmlns"
            parts.append(f' {name}="{uri.translate(_VALUE)}"')
    for _, (written, value) in sorted(element.attributes.items()):
        parts.append(f' {written}="{value.translate(_VALUE)}"')
    parts.append(">")
    for child in element.children:
        if isinstance(child, str):
            parts.append(child.translate(_TEXT))
        elif child is not without:
            _write(child, child.declared, element.scope, without, parts)
    parts.append(f"</{element.written}>")


class _Builder:
    """Turns a parser's events into elements, within the limits."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._open: list[Element] = []
        self._count = 0
        self._root: Element | None = None

    def _refuse(self, message: str) -> NoReturn:
        raise VerificationError("parse", f"{self._what}: {message}")

    def finished(self) -> Element:
        """The root element."""
        if self._root is None:
            self._refuse("no element")
        return self._root

    def refusing(self, kind: str) -> Callable[..., None]:
        """A handler for what must not be there."""
        return lambda *_: self._refuse(f"{kind} is not allowed")

    def declaration(self, version: str, encoding: str | None, _standalone: int) -> None:
        """Refuse what says that it is not UTF-8."""
        if version != "1.0" or (encoding or "UTF-8").upper() != "UTF-8":
            self._refuse("XML 1.0 in UTF-8 was expected")

    def start(self, written: str, marks: list[str]) -> None:
        """Open an element; `marks` alternates attributes' names and values."""
        self._count += 1
        if self._count > LIMITS.xml_elements:
            self._refuse(f"more than {LIMITS.xml_elements} elements")
        if len(self._open) >= LIMITS.xml_depth:
            self._refuse(f"nested deeper than {LIMITS.xml_depth} levels")
        if len(marks) > 2 * LIMITS.xml_attributes:
            self._refuse(f"more than {LIMITS.xml_attributes} attributes in an element")
        pairs = list(zip(marks[::2], marks[1::2], strict=True))
        outer = self._open[-1].scope if self._open else {}
        declared = dict(self._declarations(pairs))
        scope = {**outer, **declared} if declared else outer
        attributes: dict[Name, tuple[str, str]] = {}
        for name, value in pairs:
            if not _declares(name):
                key = self._name(name, scope, "")
                if key in attributes:
                    self._refuse(f"attribute {key[1][:80]!r} appears twice")
                attributes[key] = (name, value)
        meant = self._name(written, scope, scope.get("", ""))
        element = Element(written, meant, scope, tuple(declared), attributes, [])
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def end(self, _written: str) -> None:
        """Close the element that is open; the parser has compared the names."""
        self._open.pop()

    def text(self, text: str) -> None:
        """Add text to the element that is open."""
        self._open[-1].children.append(text)

    def _declarations(self, pairs: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        for name, uri in pairs:
            if _declares(name):
                prefix = name[6:]
                # The standard cannot make a relative URI canonical, and nobody needs to undeclare.
                if prefix in ("xml", "xmlns") or ":" in prefix or ":" not in uri:
                    self._refuse(f"namespace declaration {name[:80]!r} is not allowed")
                if name == "xmlns:":
                    self._refuse("a namespace declaration without a prefix")
                yield prefix, uri

    def _name(self, written: str, scope: Mapping[str, str], default: str) -> Name:
        prefix, colon, local = written.partition(":")
        if not colon:
            return default, written
        # `xml` is in force everywhere but never declared, so it is refused here too.
        if not local or ":" in local or prefix not in scope or not prefix:
            self._refuse(f"name {written[:80]!r} has no namespace")
        return scope[prefix], local


def _declares(name: str) -> bool:
    return name == "xmlns" or name.startswith("xmlns:")
