"""An enveloped XML signature by the holder of a certificate: what is returned is what was signed.

One form is read, that of NVIDIA's golden values: one reference to the whole document without the
signature, Canonical XML 1.1, SHA-384, ECDSA on P-384, and the chain of certificates beside it.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from avow.verifier.attestation.nvidia.canonical_xml import Element, canonical, parse_xml
from avow.verifier.errors import VerificationError

DSIG = "http://www.w3.org/2000/09/xmldsig#"
C14N = "http://www.w3.org/2006/12/xml-c14n11"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
ECDSA_SHA384 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"
SHA384 = "http://www.w3.org/2001/04/xmldsig-more#sha384"

# An element of the namespace of signatures: local name, attributes, child elements.
Shape = tuple[str, dict[str, str], list["Shape"]]

_SIGNED_INFO: Shape = (
    "SignedInfo",
    {},
    [
        ("CanonicalizationMethod", {"Algorithm": C14N}, []),
        ("SignatureMethod", {"Algorithm": ECDSA_SHA384}, []),
        (
            "Reference",
            {"URI": ""},
            [
                (
                    "Transforms",
                    {},
                    [
                        ("Transform", {"Algorithm": ENVELOPED}, []),
                        ("Transform", {"Algorithm": C14N}, []),
                    ],
                ),
                ("DigestMethod", {"Algorithm": SHA384}, []),
                ("DigestValue", {}, []),
            ],
        ),
    ],
)
_TEXTS = {"DigestValue", "SignatureValue", "X509Certificate"}


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """The parts of a signed document; nothing of it counts before `signature` was checked.

    `content` is the canonical document without its signature; `signed_info`, canonical too, holds
    its SHA-384, which has been compared. `signature` is r || s over `signed_info`, by the key of
    the first of the DER certificates in `chain`.
    """

    content: bytes
    signed_info: bytes
    signature: bytes
    chain: tuple[bytes, ...]


def read_signed(data: bytes, what: str, step: str) -> SignedDocument:
    """Take a signed document apart and compare its digest, at `step`.

    Only the root's last element may be of the namespace of signatures, and it must have exactly the
    expected shape: no second signature, no other reference, and nowhere in the signature to put
    signed content away.
    """
    root = parse_xml(data, what)
    elements = [child for child in root.children if isinstance(child, Element)]
    if not elements or elements[-1].name != (DSIG, "Signature"):
        raise VerificationError("parse", f"{what} does not end with its signature")
    signature = elements[-1]
    inside = set(signature.walk())
    if any(one.name[0] == DSIG and one not in inside for one in root.walk()):
        raise VerificationError("parse", f"{what} has signatures beside its own")
    certificates = [one for one in inside if one.name == (DSIG, "X509Certificate")]
    expected: Shape = (
        "Signature",
        {},
        [
            _SIGNED_INFO,
            ("SignatureValue", {}, []),
            ("KeyInfo", {}, [("X509Data", {}, [("X509Certificate", {}, [])] * len(certificates))]),
        ],
    )
    if _shape(signature, what) != expected:
        raise VerificationError("parse", f"{what}: its signature is not of the form that is read")
    info, value, key = signature.elements()
    digest = info.elements()[2].elements()[2]
    content = canonical(root, without=signature)
    if _octets(digest, what) != hashlib.sha384(content).digest():
        raise VerificationError(step, f"{what}: the content is not what was signed")
    chain = key.elements()[0].elements()
    return SignedDocument(
        content=content,
        signed_info=canonical(info),
        signature=_octets(value, what),
        chain=tuple(_octets(one, what) for one in chain),
    )


def _shape(element: Element, what: str) -> Shape:
    namespace, local = element.name
    if namespace != DSIG or any(space for space, _ in element.attributes):
        raise VerificationError("parse", f"{what}: a foreign name in its signature")
    attributes = {name: value for (_, name), (_, value) in element.attributes.items()}
    if local in _TEXTS:
        element.text()
        return local, attributes, []
    return local, attributes, [_shape(child, what) for child in element.elements()]


def _octets(element: Element, what: str) -> bytes:
    try:
        return base64.b64decode("".join(element.text().split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationError("parse", f"{what}: <{element.name[1]}> is no base64") from error
