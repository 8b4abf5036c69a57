"""Golden values: the measurements that NVIDIA signed for a version of its firmware.

They come as reference integrity manifests (TCG), which are software identity tags (ISO/IEC 19770-2)
with an enveloped XML signature.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from avow.verifier.attestation.certificates import check_raw_signature
from avow.verifier.attestation.nvidia.canonical_xml import Element, parse_xml
from avow.verifier.attestation.nvidia.chain import GOLDEN_ROOT, chain_detail, check_signer
from avow.verifier.attestation.nvidia.xml_signature import read_signed
from avow.verifier.attestation.steps import Step, not_checked, passed
from avow.verifier.attestation.testroot import TestRoot
from avow.verifier.errors import VerificationError

SWID = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd"
SHA384 = "http://www.w3.org/2001/04/xmlenc#sha384"

SIGNATURE = "golden values signature"
CHAIN = "golden values chain"
REVOCATION = "golden values revocation"
GIVEN = "golden values"

_DIGEST = re.compile(r"[0-9a-f]{96}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,2}")
_VERSION = re.compile(r"[0-9A-Fa-f]{1,8}(\.[0-9A-Fa-f]{1,8}){1,5}")
_PRODUCT = re.compile(r"[A-Z0-9_]{2,16}")


@dataclass(frozen=True, slots=True)
class GoldenValues:
    """Signed measurements of one version of a driver or of a VBIOS.

    `product` is a chip ("GH100"). `measurements` maps the index of every active measurement to the
    SHA-384 digests that it may have. `expires` is the Unix time at which its signer's chain ends.
    """

    product: str
    version: str
    measurements: Mapping[int, tuple[bytes, ...]]
    expires: int
    simulated: bool
    steps: tuple[Step, ...]


def check_golden_values(data: bytes, at: int, test_root: TestRoot | None = None) -> GoldenValues:
    """Read a manifest and check its signature, and its chain at the Unix time `at`.

    Raises `VerificationError`. What is returned was read from the bytes that are signed.
    """
    document = read_signed(data, "manifest", SIGNATURE)
    signer = check_signer(document.chain, GOLDEN_ROOT, test_root, at, CHAIN)
    check_raw_signature(signer.key, document.signature, document.signed_info, SIGNATURE)
    root = parse_xml(document.content, "manifest")
    product, version, measurements = _read(root)
    return GoldenValues(
        product=product,
        version=version,
        measurements=measurements,
        expires=signer.expires,
        simulated=test_root is not None,
        steps=(
            passed(CHAIN, chain_detail(document.chain, test_root, at)),
            passed(SIGNATURE, f"{product} {version}: {len(measurements)} active measurements"),
            not_checked(REVOCATION, "only NVIDIA's OCSP service knows"),
        ),
    )


def check_all_golden_values(
    manifests: Sequence[bytes], at: int, test_root: TestRoot | None
) -> dict[tuple[str, str], GoldenValues]:
    """Check each, as `check_golden_values` does; by (product, version in upper case).

    Chips share the versions of their drivers. Two manifests of one chip and version are refused:
    which of them counts would depend on their order.
    """
    found: dict[tuple[str, str], GoldenValues] = {}
    for manifest in manifests:
        one = check_golden_values(manifest, at, test_root)
        named = (one.product, one.version.upper())
        if named in found:
            raise VerificationError(GIVEN, f"{one.product} {one.version} was given twice")
        found[named] = one
    return found


def _read(root: Element) -> tuple[str, str, dict[int, tuple[bytes, ...]]]:
    if root.name != (SWID, "SoftwareIdentity"):
        raise VerificationError("parse", "manifest: no software identity tag")
    parts = root.elements()
    if [part.name for part in parts] != [(SWID, name) for name in ("Entity", "Meta", "Payload")]:
        raise VerificationError("parse", "manifest: Entity, Meta and Payload were expected")
    _, meta, payload = parts
    measurements: dict[int, tuple[bytes, ...]] = {}
    seen: set[int] = set()
    for resource in payload.elements():
        if resource.name != (SWID, "Resource") or resource.value("type") != "Measurement":
            raise VerificationError("parse", "manifest: something else than a measurement")
        index = _number(resource, "index")
        if index in seen:
            raise VerificationError("parse", f"manifest: measurement {index} appears twice")
        seen.add(index)
        active = resource.value("active")
        if active not in ("True", "False"):
            raise VerificationError(
                "parse", f"manifest: measurement {index} is neither active nor not"
            )
        digests = _digests(resource)
        if active == "True":
            measurements[index] = digests
    if not measurements:
        raise VerificationError("parse", "manifest: no active measurement")
    return (
        _matching(meta.value("product"), _PRODUCT, "product"),
        _matching(meta.value("colloquialVersion"), _VERSION, "version"),
        measurements,
    )


def _digests(resource: Element) -> tuple[bytes, ...]:
    count = _number(resource, "alternatives")
    names = {name for space, name in resource.attributes if space == SHA384}
    if not count or names != {f"Hash{n}" for n in range(count)}:
        raise VerificationError("parse", "manifest: not as many digests as alternatives")
    if resource.value("size") != "48":
        raise VerificationError("parse", "manifest: digests must have 48 bytes")
    values = (resource.value(f"Hash{n}", SHA384) for n in range(count))
    return tuple(bytes.fromhex(_matching(value, _DIGEST, "digest")) for value in values)


def _number(resource: Element, name: str) -> int:
    return int(_matching(resource.value(name), _NUMBER, name))


def _matching(text: str, pattern: re.Pattern[str], what: str) -> str:
    if not pattern.fullmatch(text):
        raise VerificationError("parse", f"manifest: {text[:100]!r} is no {what}")
    return text


def compare(
    measured: Sequence[bytes],
    golden: Mapping[int, tuple[bytes, ...]],
    skipped: frozenset[int] = frozenset(),
) -> list[int]:
    """The indices at which a device measured what no golden value allows, in order.

    An index that the device did not measure is among them, one that is `skipped` never.
    """
    return [
        index
        for index, allowed in sorted(golden.items())
        if index not in skipped and (index >= len(measured) or measured[index] not in allowed)
    ]
