"""Collateral is fetched when a key is registered, from a service on this machine, and archived."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from avow.prover.enclave.errors import EnclaveRefused
from avow.prover.enclave.opening import open_session
from avow.prover.enclave.pccs import CollateralFile, Pccs, Reply
from avow.prover.enclave.platform import NoDevices
from avow.prover.enclave.simulated.platform import make_platform
from avow.verifier.attestation.intel.collateral import parse_collateral
from tests.prover.enclave.places import NOW, enclave, simulated_machine, started

Replies = dict[str, tuple[int, dict[str, str], bytes]]
_TCB = "/tdx/certification/v4/tcb?fmspc=5353534D0000"
_QE = "/tdx/certification/v4/qe/identity"
_PCK = "/sgx/certification/v4/pckcrl?ca=platform&encoding=der"
_ROOT = "/sgx/certification/v4/rootcacrl"


def replies() -> Replies:
    """What a caching service has of the simulated machine."""
    texts = parse_collateral(simulated_machine().collateral())
    tcb = f'{{"tcbInfo": {texts["tcb_info"]},"signature":"{texts["tcb_info_signature"]}"}}'
    qe = (
        f'{{"signature":"{texts["qe_identity_signature"]}",'
        f'"enclaveIdentity":{texts["qe_identity"]}}}'
    )
    return {
        _TCB: (200, {"TCB-Info-Issuer-Chain": quote(texts["tcb_info_issuer_chain"])}, tcb.encode()),
        _QE: (
            200,
            {"SGX-Enclave-Identity-Issuer-Chain": quote(texts["qe_identity_issuer_chain"])},
            qe.encode(),
        ),
        _PCK: (
            200,
            {"SGX-PCK-CRL-Issuer-Chain": quote(texts["pck_crl_issuer_chain"])},
            bytes.fromhex(texts["pck_crl"]),
        ),
        _ROOT: (200, {}, texts["root_ca_crl"].encode()),
    }


@contextmanager
def service(answers: Replies) -> Iterator[str]:
    """A SIMULATED caching service on the loopback address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = answers.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def a_quote() -> bytes:
    """Of the simulated machine."""
    return started(simulated_machine(), NOW).evidence(bytes(64)).quote


@pytest.fixture
def raised_limit() -> Iterator[None]:
    """As it is where somebody has imported py_ecc: a parser may overflow the C stack."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.usefixtures("raised_limit")
def test_a_deeply_nested_reply_does_not_end_the_process() -> None:
    deep = (200, replies()[_TCB][1], b"[" * 200_000)
    with service(replies() | {_TCB: deep}) as address:
        with pytest.raises(EnclaveRefused, match="tcbInfo cannot be read"):
            Pccs(address).collateral(a_quote())


def test_a_session_archives_what_the_service_says() -> None:
    made = enclave()
    with service(replies()) as address:
        _, found = open_session(
            made.guest, Pccs(address + "/"), NoDevices(), made.served(), made.terms, made.clock
        )
    archived = found.material.collateral
    assert archived is not None
    ours = parse_collateral(simulated_machine().collateral())
    # Lists are issued anew for each, with other signatures.
    for name in ("tcb_info", "qe_identity", "tcb_info_issuer_chain", "pck_crl_issuer_chain"):
        assert parse_collateral(archived)[name] == ours[name]


@pytest.mark.parametrize(
    ("path", "reply", "reason"),
    [
        (_TCB, (404, {}, b""), "tcb.* answers with 404"),
        (_TCB, (200, {}, replies()[_TCB][2]), "sends no tcb-info-issuer-chain"),
        (_TCB, (200, replies()[_TCB][1], b"{}"), "tcbInfo cannot be read"),
        (_TCB, (200, replies()[_TCB][1], b"[" * 200_000), "tcbInfo cannot be read"),
        (_QE, (200, replies()[_QE][1], b"[]"), "enclaveIdentity cannot be read"),
        (_QE, (500, {}, b""), "answers with 500"),
        (_PCK, (200, replies()[_PCK][1], b"<html>"), "revocation list is none"),
        (_PCK, (200, {}, replies()[_PCK][2]), "sends no sgx-pck-crl-issuer-chain"),
        (_ROOT, (500, {}, b""), r"no revocation list of the root \(500\)"),
        (_ROOT, (200, {}, b"zz"), "the root's revocation list is none"),
        (_ROOT, (404, {}, b""), "nothing says where the root's list is"),
        (_TCB, (200, replies()[_TCB][1], b" " * (2**20 + 1)), "more than 1 MiB"),
    ],
)
def test_a_service_without_something_is_named(
    path: str, reply: tuple[int, dict[str, str], bytes], reason: str
) -> None:
    with service(replies() | {path: reply}) as address, pytest.raises(EnclaveRefused, match=reason):
        Pccs(address).collateral(a_quote())


def test_collateral_that_somebody_altered_opens_nothing() -> None:
    made, answers = enclave(), replies()
    status, headers, body = answers[_TCB]
    answers[_TCB] = (status, headers, body.replace(b"UpToDate", b"OutOfDat"))
    with service(answers) as address, pytest.raises(EnclaveRefused, match="chain"):
        open_session(made.guest, Pccs(address), NoDevices(), made.served(), made.terms, made.clock)


def test_nobody_there_is_said_without_the_password() -> None:
    with pytest.raises(EnclaveRefused, match="does not answer") as caught:
        Pccs("http://me:secret@127.0.0.1:9").collateral(a_quote())
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "http://me:secret@[::1",
        "http://me:secret@" + "a" * 64 + ".invalid",
    ],
)
def test_an_address_that_is_none_is_one_line(address: str) -> None:
    with pytest.raises(EnclaveRefused, match="cannot be asked") as caught:
        Pccs(address).collateral(a_quote())
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)


def test_a_service_that_is_slow_for_ever_has_so_much_time_in_all() -> None:
    asked = threading.Event()
    let = threading.Event()

    def slow(address: str) -> Reply:
        asked.set()
        let.wait(60)
        raise EnclaveRefused("nobody reads this any more")

    with pytest.raises(EnclaveRefused, match=r"x\.example takes longer than 0\.2 seconds"):
        Pccs("https://me:secret@x.example", slow, seconds=0.2).collateral(a_quote())
    assert asked.wait(60)
    let.set()


def with_point(address: str) -> bytes:
    """A root's certificate that names where its revocation list is."""
    holder = simulated_machine().authority
    now = datetime.fromtimestamp(NOW, UTC)
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(address)], None, None, None)
    made = (
        x509.CertificateBuilder()
        .subject_name(holder.certificate.subject)
        .issuer_name(holder.certificate.subject)
        .public_key(holder.key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.CRLDistributionPoints([point]), critical=False)
        .sign(holder.key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("https://certificates.trustedservices.intel.com/IntelSGXRootCA.der", None),
        ("http://certificates.trustedservices.intel.com/IntelSGXRootCA.der", "is not at"),
        ("https://127.0.0.1/IntelSGXRootCA.der", "is not at"),
        ("https://[", "nothing says where"),
    ],
)
def test_intels_own_list_is_where_its_certificate_says(address: str, reason: str | None) -> None:
    # Intel's service has none; a stand-in answers, so that nothing is fetched from anywhere.
    answers, asked = replies(), list[str]()
    status, _, body = answers[_PCK]
    chain = simulated_machine().intermediate.pem + with_point(address).decode()
    answers[_PCK] = (status, {"SGX-PCK-CRL-Issuer-Chain": quote(chain)}, body)
    _, _, listed = answers.pop(_ROOT)
    answers["https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"] = (
        200,
        {},
        bytes.fromhex(listed.decode()),
    )

    def get(wanted: str) -> Reply:
        asked.append(wanted)
        found = answers.get(wanted.removeprefix("https://intel.example"), (404, {}, b""))
        return Reply(found[0], {name.lower(): value for name, value in found[1].items()}, found[2])

    source = Pccs("https://intel.example", get)
    if reason is None:
        assert source.collateral(a_quote())
        assert asked[-1] == address
    else:
        with pytest.raises(EnclaveRefused, match=reason):
            source.collateral(a_quote())
        assert address not in asked


def test_quotes_that_name_no_platform_are_refused() -> None:
    with pytest.raises(EnclaveRefused, match="names no platform"):
        Pccs("http://127.0.0.1:9").collateral(b"no quote")


def test_a_file_serves_a_machine_without_a_network(tmp_path: Path) -> None:
    path = tmp_path / "collateral.json"
    with pytest.raises(EnclaveRefused, match="No such file"):
        CollateralFile(path).collateral(a_quote())
    path.write_bytes(simulated_machine().collateral())
    made = enclave()
    assert open_session(
        made.guest, CollateralFile(path), NoDevices(), made.served(), made.terms, made.clock
    )
    path.write_bytes(make_platform(NOW).collateral())
    with pytest.raises(EnclaveRefused, match="does not pass"):
        open_session(
            made.guest, CollateralFile(path), NoDevices(), made.served(), made.terms, made.clock
        )
    path.write_text(json.dumps({}))
    with pytest.raises(EnclaveRefused, match="collateral"):
        CollateralFile(path).collateral(a_quote())
