"""Test roots: allowed only explicitly, by fingerprint, by name, and never in production."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from avow.prover.enclave.simulated import authority
from avow.verifier.attestation.testroot import TestRoot, allow_test_root
from avow.verifier.errors import VerificationError
from tests.verifier.attestation.examples import AT, platform


def test_a_test_root_needs_its_fingerprint() -> None:
    root = platform().authority
    assert allow_test_root(root.der, root.fingerprint, {}).certificate == root.der
    with pytest.raises(VerificationError, match="fingerprint"):
        allow_test_root(root.der, bytes(32), {})


@pytest.mark.parametrize("said", ["production", "Production", " PRODUCTION "])
def test_production_believes_no_test_root(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = platform().authority
    with pytest.raises(VerificationError, match="production"):
        allow_test_root(root.der, root.fingerprint, {"AVOW_ENVIRONMENT": said})
    monkeypatch.setenv("AVOW_ENVIRONMENT", said)
    with pytest.raises(VerificationError, match="production"):
        allow_test_root(root.der, root.fingerprint)
    monkeypatch.setenv("AVOW_ENVIRONMENT", "development")
    assert allow_test_root(root.der, root.fingerprint)


def test_a_root_that_does_not_say_simulated_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def plain(common: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])

    monkeypatch.setattr(authority, "name", plain)
    root = authority.root("Intel SGX Root CA", AT, ec.SECP256R1())
    with pytest.raises(VerificationError, match="name says SIMULATED"):
        allow_test_root(root.der, root.fingerprint, {})


@pytest.mark.parametrize(
    "make", [lambda der: TestRoot(der, True), lambda der: TestRoot(der, object())]
)
def test_there_is_no_other_way_to_make_one(make: Callable[[bytes], Any]) -> None:
    with pytest.raises(VerificationError, match="allow_test_root"):
        make(platform().authority.der)


def test_what_is_no_certificate_is_refused() -> None:
    import hashlib

    for data in (b"", b"SIMULATED", platform().authority.der + b"\0", bytes(10_000)):
        with pytest.raises(VerificationError) as refusal:
            allow_test_root(data, hashlib.sha256(data).digest(), {})
        assert refusal.value.step == "parse"
