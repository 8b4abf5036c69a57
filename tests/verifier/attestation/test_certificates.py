"""Chains of certificates: each of a liar's chains is refused."""

import random
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from avow.prover.enclave.simulated import authority
from avow.prover.enclave.simulated.authority import Holder, issue, root
from avow.verifier.attestation.certificates import (
    check_chain,
    check_raw_signature,
    read_certificate,
)
from avow.verifier.errors import VerificationError
from tests.sampling import sampled
from tests.verifier.attestation.examples import AT

CURVE = ec.SECP384R1()
ROOT = root("root", AT, CURVE)
MIDDLE = issue(ROOT, "middle", AT, path_length=0)
LEAF = issue(MIDDLE, "leaf", AT, days=30)


def test_a_chain_gives_the_leafs_key_with_and_without_its_root() -> None:
    for chain in ([LEAF.der, MIDDLE.der], [LEAF.der, MIDDLE.der, ROOT.der]):
        key = check_chain(chain, ROOT.der, AT)
        assert key.public_numbers() == LEAF.key.public_key().public_numbers()
        check_raw_signature(key, LEAF.sign(b"message"), b"message", "signature")


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        (lambda: [LEAF, root("root", AT, CURVE)], "names another issuer|does not verify"),
        (lambda: [LEAF], "names another issuer"),
        (lambda: [MIDDLE, LEAF], "names another issuer"),
        (lambda: [LEAF, MIDDLE, MIDDLE], "names another issuer"),
        (lambda: [ROOT], "the root itself"),
        (lambda: [issue(LEAF, "below a leaf", AT), LEAF, MIDDLE], "no authority"),
        (
            lambda: [
                issue(deep := issue(MIDDLE, "deep", AT, path_length=0), "leaf", AT),
                deep,
                MIDDLE,
            ],
            "so long a chain",
        ),
        (lambda: [issue(_namesake(), "leaf", AT), MIDDLE], "does not verify"),
        (lambda: [], "1 to 8"),
        (lambda: [LEAF] * 9, "1 to 8"),
    ],
)
def test_a_liars_chain_is_refused(chain: Callable[[], list[Holder]], reason: str) -> None:
    with pytest.raises(VerificationError, match=reason) as refusal:
        check_chain([one.der for one in chain()], ROOT.der, AT)
    assert refusal.value.step == "chain"


def _namesake() -> Holder:
    """An authority of MIDDLE's name with another key."""
    return issue(root("root", AT, CURVE), "middle", AT, path_length=0)


@pytest.mark.parametrize("days", [-2, 31, 4000])
def test_a_certificate_outside_its_time_is_refused(days: int) -> None:
    with pytest.raises(VerificationError, match="is valid from"):
        check_chain([LEAF.der, MIDDLE.der], ROOT.der, AT + days * 86_400)


def test_an_unknown_critical_extension_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = issue(MIDDLE, "leaf", AT, extension=("1.2.3.4", b"\5\0"))
    assert check_chain([odd.der, MIDDLE.der], ROOT.der, AT)
    build = x509.CertificateBuilder.add_extension
    monkeypatch.setattr(
        x509.CertificateBuilder,
        "add_extension",
        lambda self, value, critical: build(self, value, critical=True),
    )
    odd = issue(MIDDLE, "leaf", AT, extension=("1.2.3.4", b"\5\0"))
    with pytest.raises(VerificationError, match="critical extension"):
        check_chain([odd.der, MIDDLE.der], ROOT.der, AT)


@pytest.mark.parametrize("curve", [ec.SECP521R1(), ec.SECP256K1()])
def test_a_key_on_another_curve_is_refused(curve: ec.EllipticCurve) -> None:
    other = root("root", AT, curve)
    with pytest.raises(VerificationError, match="not on P-256 or P-384"):
        check_chain([issue(other, "leaf", AT).der], other.der, AT)


def test_another_hash_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authority, "_hash", lambda key: hashes.SHA512())
    with pytest.raises(VerificationError, match="not signed with SHA-256 or SHA-384"):
        check_chain([issue(MIDDLE, "leaf", AT).der, MIDDLE.der], ROOT.der, AT)


def test_an_authority_that_may_not_sign_certificates_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usage = x509.KeyUsage
    with monkeypatch.context() as patched:
        patched.setattr(
            x509, "KeyUsage", lambda **flags: usage(**(flags | {"key_cert_sign": False}))
        )
        middle = issue(ROOT, "middle", AT, path_length=0)
    with pytest.raises(VerificationError, match="may not sign certificates"):
        check_chain([issue(middle, "leaf", AT).der, middle.der], ROOT.der, AT)


def test_a_certificate_has_a_bounded_size() -> None:
    with pytest.raises(VerificationError, match="more than 8192"):
        read_certificate(LEAF.der + bytes(8192), "it")


def test_a_version_or_serial_number_that_is_forbidden_is_refused() -> None:
    # The number that follows is random, and of 20 bytes at most.
    version = LEAF.der.index(b"\xa0\x03\x02\x01\x02") + 4
    assert LEAF.der[version + 1] == 0x02 and LEAF.der[version + 2] <= 20
    for place, value in ((version, 3), (version, 66), (version + 3, 0x80)):
        changed = bytearray(LEAF.der)
        changed[place] = value
        with pytest.raises(VerificationError, match="is no certificate"):
            read_certificate(bytes(changed), "it")


def test_a_signature_has_all_its_bits() -> None:
    """How many bits of it count is not signed: another number there would make another file."""
    leaf = issue(MIDDLE, "leaf", AT)
    while leaf.der[-1] & 1:
        leaf = issue(MIDDLE, "leaf", AT)
    signature = read_certificate(leaf.der, "it").signature
    changed = bytearray(leaf.der)
    assert changed[-len(signature) - 1] == 0
    changed[-len(signature) - 1] = 1
    with pytest.raises(VerificationError, match="its signature is cut short"):
        read_certificate(bytes(changed), "it")


def test_every_byte_of_a_leaf_counts() -> None:
    for place in sampled(range(len(LEAF.der)), 120):
        changed = bytearray(LEAF.der)
        changed[place] ^= 1 << random.randrange(8)
        with pytest.raises(VerificationError):
            check_chain([bytes(changed), MIDDLE.der], ROOT.der, AT)


def test_a_raw_signature_is_of_one_length_and_of_its_message() -> None:
    key, signature = LEAF.key.public_key(), LEAF.sign(b"message")
    for wrong, message in (
        (signature, b"messagf"),
        (signature[:-1], b"message"),
        (signature + b"\0", b"message"),
        (bytes(96), b"message"),
        (b"\xff" * 96, b"message"),
        (signature[48:] + signature[:48], b"message"),
    ):
        reason = "does not verify" if len(wrong) == 96 else "has 96 bytes"
        with pytest.raises(VerificationError, match=reason) as refusal:
            check_raw_signature(key, wrong, message, "signature")
        assert refusal.value.step == "signature"


@given(st.binary(max_size=400), st.integers(0, 800), st.integers(0, 20))
def test_broken_certificates_are_refused_in_one_way(put: bytes, place: int, cut: int) -> None:
    changed = LEAF.der[:place] + put + LEAF.der[place + cut :]
    try:
        read_certificate(changed, "it")
        check_chain([changed, MIDDLE.der], ROOT.der, AT)
    except VerificationError as refusal:
        assert refusal.step in ("parse", "chain")
    else:
        assert changed == LEAF.der
