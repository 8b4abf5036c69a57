"""Golden values count only as signed: no other content, signer, form or time."""

import base64
import hashlib
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier.attestation.nvidia.golden_values import (
    CHAIN,
    SIGNATURE,
    GoldenValues,
    check_golden_values,
    compare,
)
from avow.verifier.attestation.nvidia.limits import LIMITS
from avow.verifier.errors import VerificationError
from tests.verifier.attestation.nvidia.simulated import (
    AT,
    BLOCKS,
    DSIG,
    SWID,
    Maker,
    certify,
    enveloped,
    manifest,
    measured,
    resource,
    sign_document,
)

VERSION = "96.00.5E.00.01"
OTHER = hashlib.sha384(b"other").digest()
MEASUREMENTS = {0: (measured(0),), 3: (OTHER, measured(3)), 40: (measured(40),)}


def check(data: bytes | str, maker: Maker, at: int = AT) -> GoldenValues:
    """Check golden values of a simulated maker."""
    return check_golden_values(
        data if isinstance(data, bytes) else data.encode(), at, maker.trusted()
    )


def signed(maker: Maker, content: str) -> bytes:
    """`content`, in canonical form, signed by the maker's signer of golden values."""
    chain = [maker.golden_signer, maker.references_3, maker.references, maker.root]
    return sign_document(content, maker.golden_signer.key, [one.encoded for one in chain])


@pytest.fixture(scope="session")
def genuine(maker: Maker) -> str:
    """A manifest that is accepted."""
    return maker.golden_values(VERSION, MEASUREMENTS).decode()


def test_simulated_golden_values_are_read(maker: Maker, genuine: str) -> None:
    golden = check(genuine, maker)
    assert (golden.product, golden.version, golden.simulated) == ("GH100", VERSION, True)
    assert golden.measurements == MEASUREMENTS
    assert golden.expires == AT + 1000
    assert "SIMULATED" in golden.steps[0].detail


def test_simulated_golden_values_are_refused_under_nvidias_root(genuine: str) -> None:
    with pytest.raises(VerificationError, match=f"^{CHAIN}: .*pinned root"):
        check_golden_values(genuine.encode(), AT)


def test_what_is_written_otherwise_means_the_same(maker: Maker, genuine: str) -> None:
    other = genuine.replace("></ns0:Resource>", "/>").replace('active="False" ', "")
    other = other.replace("<ns0:Resource", '<ns0:Resource\n  active="False"', 0)
    with pytest.raises(VerificationError, match=f"^{SIGNATURE}: "):
        check(other, maker)
    same = genuine.replace("></ns0:Resource>", " />").replace("\n", "\r\n")
    assert same != genuine
    assert check(same, maker) == check(genuine, maker)


FIRST = measured(0).hex()


def replaced(old: str, new: str) -> Callable[[str], str]:
    """An attack that puts something in another's place, everywhere."""

    def attack(genuine: str) -> str:
        assert old in genuine
        return genuine.replace(old, new)

    return attack


@pytest.mark.parametrize(
    "attack",
    [
        replaced(FIRST, OTHER.hex()),
        replaced('active="True"', 'active="False"'),
        replaced('index="40"', 'index="41"'),
        replaced(f'colloquialVersion="{VERSION}"', 'colloquialVersion="96.00.5E.00.02"'),
        replaced("<ns0:Payload", " <ns0:Payload"),
        replaced("</ns0:Payload>", resource(63, (OTHER,)) + "</ns0:Payload>"),
        # Unused, and yet signed.
        replaced(' xmlns:SHA384="http://www.w3.org/2001/04/xmlenc#sha384"', ""),
        replaced("ns1:PlatformModel", "PlatformModel"),
    ],
)
def test_altered_content_is_refused(
    attack: Callable[[str], str], maker: Maker, genuine: str
) -> None:
    with pytest.raises(VerificationError, match=f"^{SIGNATURE}: .*not what was signed"):
        check(attack(genuine), maker)


def pieces(genuine: str) -> tuple[str, str]:
    """A document's signature, and the document without it."""
    found = re.search(r"<ds:Signature .*</ds:Signature>", genuine, re.DOTALL)
    assert found is not None
    return found[0], genuine.replace(found[0], "")


def forged() -> str:
    """The content that an attacker would like to have believed."""
    return manifest(VERSION, {0: (OTHER,)})


def wrapped_in_object(genuine: str) -> str:
    """The signed document is moved into the signature of a forged one."""
    signature, original = pieces(genuine)
    inside = signature.replace(
        "</ds:Signature>", f"<ds:Object>{original}</ds:Object></ds:Signature>"
    )
    return enveloped(forged(), inside).decode()


def wrapped_by_reference(genuine: str) -> str:
    """The reference names an element that the attacker has moved."""
    signature, original = pieces(genuine)
    moved = original.replace("<SoftwareIdentity", '<SoftwareIdentity Id="it"', 1)
    return (
        forged().replace("</SoftwareIdentity>", "")
        + moved
        + signature.replace('URI=""', 'URI="#it"')
        + "</SoftwareIdentity>"
    )


def wrapped_around(genuine: str) -> str:
    """The whole signed document becomes a child of a forged one."""
    return forged().replace("</SoftwareIdentity>", genuine + "</SoftwareIdentity>")


def wrapped_inside_payload(genuine: str) -> str:
    """The signature hangs deeper than it did."""
    signature, original = pieces(genuine)
    return original.replace("</ns0:Payload>", signature + "</ns0:Payload>")


def second_signature(genuine: str) -> str:
    """Two signatures, of which one is right."""
    signature, original = pieces(genuine)
    return original.replace("</SoftwareIdentity>", 2 * signature + "</SoftwareIdentity>")


def signature_first(genuine: str) -> str:
    """The signature is the first child."""
    signature, original = pieces(genuine)
    return original.replace("\n", signature + "\n", 1)


def hidden_in_signature(genuine: str) -> str:
    """A measurement stands in the signature, which is left out of what is signed."""
    return genuine.replace("<ds:KeyInfo>", resource(0, (OTHER,)) + "<ds:KeyInfo>")


def hidden_in_key(genuine: str) -> str:
    """The same in the part that nothing signs."""
    return genuine.replace("<ds:X509Data>", "<ds:X509Data>" + resource(0, (OTHER,)))


def text_in_signature(genuine: str) -> str:
    """Text where no text belongs."""
    return genuine.replace("<ds:KeyInfo>", "text<ds:KeyInfo>")


def element_in_digest(genuine: str) -> str:
    """A digest that is cut in two by an element."""
    return genuine.replace("<ds:DigestValue>", "<ds:DigestValue><ds:DigestValue/>")


def without_signature(genuine: str) -> str:
    """No signature at all."""
    return pieces(genuine)[1]


def nothing_inside(genuine: str) -> str:
    """A root without children."""
    return f'<SoftwareIdentity xmlns="{SWID}"/>'


def foreign_namespace(genuine: str) -> str:
    """A signature that only looks like one."""
    return genuine.replace(f'xmlns:ds="{DSIG}"', 'xmlns:ds="urn:not-dsig"')


def with_an_attribute(genuine: str) -> str:
    """An identity in the signature."""
    return genuine.replace("<ds:KeyInfo>", '<ds:KeyInfo Id="k">')


def with_a_foreign_attribute(genuine: str) -> str:
    """An attribute of another namespace with a known name."""
    return genuine.replace('URI=""', f'ns0:URI="" xmlns:ns0="{SWID}"')


def without_a_transform(genuine: str) -> str:
    """The canonical form is not asked for."""
    head, tail = genuine.split("<ds:Transform A", 1)
    return (
        head
        + "<ds:Transform A"
        + tail.split("<ds:Transform A", 1)[0]
        + "</ds:Transforms>"
        + (tail.split("</ds:Transforms>", 1)[1])
    )


@pytest.mark.parametrize(
    "attack",
    [
        wrapped_in_object,
        wrapped_by_reference,
        wrapped_around,
        wrapped_inside_payload,
        second_signature,
        signature_first,
        hidden_in_signature,
        hidden_in_key,
        text_in_signature,
        element_in_digest,
        without_signature,
        nothing_inside,
        foreign_namespace,
        with_an_attribute,
        with_a_foreign_attribute,
        without_a_transform,
        replaced("ds:SignatureValue>", "ns0:SignatureValue>"),
        replaced('URI=""', 'URI="#it"'),
        replaced('URI=""', 'URI="http://localhost/"'),
        replaced("ecdsa-sha384", "hmac-sha384"),
        replaced("more#sha384", "more#sha224"),
        replaced("xml-c14n11", "xml-c14n11#WithComments"),
        replaced("enveloped-signature", "base64"),
        replaced("<ds:SignatureValue>", "<ds:SignatureValue>&lt;"),
        replaced("<ds:X509Certificate>", "<ds:X509Certificate>!"),
    ],
)
def test_a_wrapped_or_different_signature_is_refused(
    attack: Callable[[str], str], maker: Maker, genuine: str
) -> None:
    attacked = attack(genuine)
    assert attacked != genuine
    with pytest.raises(VerificationError, match=r"^parse: "):
        check(attacked, maker)


def test_a_digest_that_the_signer_did_not_sign_is_refused(maker: Maker, genuine: str) -> None:
    signature, _ = pieces(genuine)
    old = re.search("<ds:DigestValue>(.*?)<", signature)
    assert old is not None
    new = base64.b64encode(hashlib.sha384(forged().encode()).digest()).decode()
    with pytest.raises(VerificationError, match=f"^{SIGNATURE}: a signature does not verify"):
        check(enveloped(forged(), signature.replace(old[1], new)), maker)


def test_the_signers_certificate_is_the_first(maker: Maker) -> None:
    content = manifest(VERSION, MEASUREMENTS)
    chain = [maker.golden_signer, maker.references_3, maker.references, maker.root]
    encoded = [one.encoded for one in chain]
    thief = certify("SIMULATED thief", None, authority=False)
    cases = {
        # The key is not the certificate's.
        SIGNATURE: (thief.key, encoded),
        # The certificate is nobody's.
        CHAIN: (thief.key, [thief.encoded, *encoded[1:]]),
    }
    for step, (key, certificates) in cases.items():
        with pytest.raises(VerificationError, match=f"^{step}: "):
            check(sign_document(content, key, certificates), maker)
    for wrong in (encoded[:1], encoded[1:], encoded[::-1], [], encoded[:2] + encoded[3:]):
        with pytest.raises(VerificationError, match=f"^{CHAIN}: "):
            check(sign_document(content, maker.golden_signer.key, wrong), maker)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("an authority's own signature", "authority"),
        ("a longer chain than allowed", "so long a chain"),
        ("a key that may not sign", "may not sign evidence"),
        ("a certificate that has ended", "is valid from"),
    ],
)
def test_a_signer_must_be_one(name: str, says: str, maker: Maker) -> None:
    chain = [maker.references_3, maker.references, maker.root]
    if name == "an authority's own signature":
        signer = certify("SIMULATED Reference Value L3 b", maker.references)
        chain = chain[1:]
    elif name == "a longer chain than allowed":
        extra = certify("SIMULATED extra", maker.references_3)
        signer = certify("SIMULATED signer", extra, authority=False)
        chain = [extra, *chain]
    elif name == "a key that may not sign":
        signer = certify("SIMULATED signer", maker.references_3, authority=False, signs=False)
    else:
        signer = certify("SIMULATED signer", maker.references_3, authority=False, end=AT - 1)
    content = manifest(VERSION, MEASUREMENTS)
    data = sign_document(content, signer.key, [one.encoded for one in (signer, *chain)])
    with pytest.raises(VerificationError, match=f"^{CHAIN}: .*{says}"):
        check(data, maker)


def test_time_is_the_callers(maker: Maker, genuine: str) -> None:
    for at in (AT - 1001, AT + 1001):
        with pytest.raises(VerificationError, match=f"^{CHAIN}: .*valid from"):
            check(genuine, maker, at)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('index="40"', 'index="3"', "3 appears twice"),
        ('index="40"', 'index="040"', "no index"),
        ('index="40"', 'index="-1"', "no index"),
        ('index="40"', 'index="٤"', "no index"),
        ('alternatives="2"', 'alternatives="1"', "as many digests"),
        ('alternatives="2"', 'alternatives="3"', "as many digests"),
        ('alternatives="1"', 'alternatives="0"', "as many digests"),
        ('size="48"', 'size="32"', "48 bytes"),
        ('active="True"', 'active="true"', "neither active"),
        ('active="True"', 'active="False"', "no active"),
        (FIRST, FIRST.upper(), "no digest"),
        (FIRST, FIRST[2:], "no digest"),
        ("ns2:Hash1", "ns2:Hash2", "as many digests"),
        ('type="Measurement"', 'type="File"', "else than a measurement"),
        ("ns0:Resource", "ns0:Directory", "else than a measurement"),
        ("ns0:Meta", "ns0:Link", "Meta and Payload"),
        ("<ns0:Payload", "stray<ns0:Payload", "unexpected text"),
        (' product="GH100" ns1', " ns1", "lacks 'product'"),
        ('product="GH100"', 'product="gh 100"', "no product"),
        (f'colloquialVersion="{VERSION}"', 'colloquialVersion="new"', "no version"),
        ("SoftwareIdentity", "OtherIdentity", "no software identity"),
    ],
)
def test_signed_content_that_means_nothing_is_refused(
    old: str, new: str, says: str, maker: Maker
) -> None:
    content = manifest(VERSION, MEASUREMENTS)
    assert old in content
    with pytest.raises(VerificationError, match=f"^parse: .*{says}"):
        check(signed(maker, content.replace(old, new)), maker)


def test_a_manifest_may_fill_every_index(maker: Maker) -> None:
    every = {index: (measured(index), OTHER) for index in range(BLOCKS)}
    data = maker.golden_values(VERSION, every)
    assert len(data) < LIMITS.xml_bytes
    assert check(data, maker).measurements == every


def test_measurements_are_compared_index_by_index() -> None:
    device = [measured(n) for n in range(4)]
    assert compare(device, {0: (measured(0),), 3: (OTHER, measured(3))}) == []
    assert compare(device, {0: (measured(1),), 1: (OTHER,), 2: (measured(2),)}) == [0, 1]
    assert compare(device, {4: (measured(4),), 2: (OTHER,)}) == [2, 4]
    assert compare(device, {4: (measured(4),), 2: (OTHER,)}, frozenset({2})) == [4]


@given(st.data())
def test_random_damage_never_changes_what_is_believed(
    maker: Maker, genuine: str, data: st.DataObject
) -> None:
    """Where damage is accepted at all, it is to what nobody signed and nothing uses."""
    damaged = bytearray(genuine.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(damaged) - 1))
        end = min(len(damaged), start + data.draw(st.integers(0, 8)))
        damaged[start:end] = data.draw(st.binary(max_size=8) | st.just(b"<") | st.just(b' a="b"'))
        if not damaged:
            return
    try:
        found = check(bytes(damaged), maker)
    except VerificationError:
        return
    assert found == check(genuine, maker)
