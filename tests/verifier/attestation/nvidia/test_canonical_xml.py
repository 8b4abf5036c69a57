"""Only plain XML is read, and its canonical form is the standard's."""

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier.attestation.nvidia.canonical_xml import Element, canonical, parse_xml
from avow.verifier.attestation.nvidia.limits import LIMITS
from avow.verifier.errors import VerificationError


def parsed(text: str | bytes) -> Element:
    """Read a text."""
    return parse_xml(text.encode() if isinstance(text, str) else text, "text")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("<a/>", "<a></a>"),
        ("<a b='1'   a=\"2\"/>", '<a a="2" b="1"></a>'),
        ("<?xml version='1.0' encoding='utf-8'?>\n<a/>\n", "<a></a>"),
        ("<a>1 &lt; 2 &amp; 3 &gt; 2 \" '</a>", "<a>1 &lt; 2 &amp; 3 &gt; 2 \" '</a>"),
        ("<a>one\r\ntwo\rthree&#13;</a>", "<a>one\ntwo\nthree&#xD;</a>"),
        ("<a b='x\ty&#9;&#10;&#13;&quot;&lt;&gt;'/>", '<a b="x y&#x9;&#xA;&#xD;&quot;&lt;>"></a>'),
        # Declarations come first, by prefix; attributes by their namespace's URI, then by name.
        (
            "<p:a z='1' q:z='2' p:b='3' a='4' xmlns:q='urn:1' xmlns='urn:3' xmlns:p='urn:2'/>",
            '<p:a xmlns="urn:3" xmlns:p="urn:2" xmlns:q="urn:1" a="4" z="1" q:z="2" p:b="3"></p:a>',
        ),
        # What is declared again with the same URI is left out, with another one it is not.
        (
            "<a xmlns='urn:1' xmlns:p='urn:p'><b xmlns='urn:1'/><c xmlns='urn:2'><a xmlns='urn:1'/>"
            "</c><p:d/></a>",
            '<a xmlns="urn:1" xmlns:p="urn:p"><b></b><c xmlns="urn:2"><a xmlns="urn:1"></a></c>'
            "<p:d></p:d></a>",
        ),
        ("<a>é\U0001f600</a>", "<a>é\U0001f600</a>"),
    ],
)
def test_the_canonical_form(text: str, form: str) -> None:
    assert canonical(parsed(text)).decode() == form
    assert canonical(parsed(form)).decode() == form


def test_a_part_declares_all_that_it_inherits() -> None:
    root = parsed(
        "<a xmlns='urn:1' xmlns:p='urn:p' xmlns:u='urn:u'><b xmlns:p='urn:q'><c/></b></a>"
    )
    (inner,) = root.elements()
    assert canonical(inner).decode() == (
        '<b xmlns="urn:1" xmlns:p="urn:q" xmlns:u="urn:u"><c></c></b>'
    )
    assert canonical(root, without=inner).decode() == (
        '<a xmlns="urn:1" xmlns:p="urn:p" xmlns:u="urn:u"></a>'
    )


REFUSED = {
    "a document type": ("document type", "<!DOCTYPE a><a/>"),
    "entities": ("document type", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),
    "entities of entities": (
        "document type",
        ("<!DOCTYPE a [<!ENTITY b 'cccccccccc'><!ENTITY d '&b;&b;&b;&b;&b;&b;&b;&b;'>]><a>&d;</a>"),
    ),
    "an external entity": (
        "document type",
        "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    ),
    "an external document type": ("document type", "<!DOCTYPE a SYSTEM 'http://localhost/x'><a/>"),
    "default attributes": ("document type", "<!DOCTYPE a [<!ATTLIST a b CDATA 'c'>]><a/>"),
    "an unknown entity": ("undefined entity", "<a>&b;</a>"),
    "a comment": ("a comment", "<a>1<!-- -->2</a>"),
    "a comment before": ("a comment", "<!-- --><a/>"),
    "a processing instruction": ("a processing", "<a><?b c?></a>"),
    "a processing instruction behind": ("a processing", "<a/><?b c?>"),
    "a CDATA section": ("a CDATA", "<a><![CDATA[b]]></a>"),
    "another encoding": ("in UTF-8", "<?xml version='1.0' encoding='ISO-8859-1'?><a/>"),
    "another version": ("XML 1.0|not XML", "<?xml version='1.1'?><a/>"),
    "UTF-16": ("not XML", "<a/>".encode("utf-16")),
    "bytes that are not UTF-8": ("not XML", b"<a>\xff</a>"),
    "a surrogate": ("not XML", b"<a>\xed\xa0\x80</a>"),
    "a null": ("not XML", b"<a>\0</a>"),
    "nothing": ("not XML", b""),
    "no element": ("not XML", " "),
    "two elements": ("not XML", "<a/><b/>"),
    "an open element": ("not XML", "<a><b></a>"),
    "text behind": ("not XML", "<a/>b"),
    "the same attribute twice": ("duplicate attribute", "<a b='1' b='2'/>"),
    "the same meant attribute twice": (
        "appears twice",
        "<a xmlns:p='urn:1' xmlns:q='urn:1' p:b='1' q:b='2'/>",
    ),
    "an undeclared prefix": ("no namespace", "<p:a/>"),
    "an undeclared prefix of an attribute": ("no namespace", "<a p:b='1'/>"),
    "a name of three parts": ("no namespace", "<a xmlns:p='urn:1'><p:b:c/></a>"),
    "a name without a local part": ("no namespace", "<p: xmlns:p='urn:1'/>"),
    "a name without a prefix": ("no namespace", "<a><:b/></a>"),
    "an inherited attribute": ("no namespace", "<a xml:lang='en'/>"),
    "an identity": ("no namespace", "<a xml:id='b'/>"),
    "a declaration of xml": (
        "declaration",
        "<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
    ),
    "a declaration of xmlns": ("declaration", "<a xmlns:xmlns='urn:1'/>"),
    "a declaration of nothing": ("declaration", "<a xmlns:='urn:1'/>"),
    "an undeclaration": ("declaration", "<a xmlns='urn:1'><b xmlns=''/></a>"),
    "a relative namespace": ("declaration", "<a xmlns='b'/>"),
    "depth": ("deeper than", "<a>" * (LIMITS.xml_depth + 1) + "</a>" * (LIMITS.xml_depth + 1)),
    "depth without an end": ("deeper than", "<a>" * 80_000),
    "elements": ("more than .* elements", "<a>" + "<b/>" * LIMITS.xml_elements + "</a>"),
    "attributes": (
        "more than .* attributes",
        "<a " + " ".join(f"b{n}=''" for n in range(LIMITS.xml_attributes + 1)) + "/>",
    ),
    "size": ("at most .* bytes", "<a>" + " " * LIMITS.xml_bytes + "</a>"),
}


@pytest.mark.parametrize(("reason", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_anything_else_is_refused(reason: str, text: str | bytes) -> None:
    with pytest.raises(VerificationError, match=rf"^parse: text.*({reason})"):
        parsed(text)


def test_what_is_at_the_limits_is_read() -> None:
    depth, count = LIMITS.xml_depth, LIMITS.xml_attributes
    parsed("<a>" * depth + "</a>" * depth)
    parsed("<a>" + "<b/>" * (LIMITS.xml_elements - 1) + "</a>")
    parsed("<a " + " ".join(f"b{n}=''" for n in range(count)) + "/>")


WORDS = st.sampled_from(["a", "b", "c1", "éé", "_d"])
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0￾￿", exclude_categories=["Cs", "Cc"])
    | st.sampled_from("\t\n &<>\"'"),
    max_size=12,
)


def written(tree: tuple[str, dict[str, str], list[object]]) -> ElementTree.Element:
    """A tree as the standard library has it; texts stand between elements."""
    name, attributes, children = tree
    element = ElementTree.Element(name, attributes)
    last: ElementTree.Element | None = None
    for child in children:
        if isinstance(child, str):
            if last is None:
                element.text = (element.text or "") + child
            else:
                last.tail = (last.tail or "") + child
        else:
            last = written(child)  # type: ignore[arg-type]
            element.append(last)
    return element


TREES = st.recursive(
    st.tuples(WORDS, st.dictionaries(WORDS, TEXTS, max_size=3), st.lists(TEXTS, max_size=2)),
    lambda inner: st.tuples(
        WORDS,
        st.dictionaries(WORDS, TEXTS, max_size=3),
        st.lists(TEXTS | inner, max_size=4),
    ),
    max_leaves=6,
)


@given(TREES)
def test_without_namespaces_the_form_is_that_of_the_standard_library(tree: object) -> None:
    text = ElementTree.tostring(written(tree), encoding="unicode")  # type: ignore[arg-type]
    try:
        root = parsed(text)
    except VerificationError as error:
        assert "nested deeper" in error.message
        return
    assert canonical(root).decode() == ElementTree.canonicalize(text)


@given(st.binary(max_size=200) | st.text("<>ab:=\"' /!?&;[]-xmlns", max_size=80).map(str.encode))
def test_only_one_kind_of_error_leaves(data: bytes) -> None:
    try:
        root = parsed(data)
    except VerificationError:
        return
    assert canonical(parsed(canonical(root))) == canonical(root)
