"""`avow-attestation`: bare evidence by path, real and simulated; what each refusal says."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import avow.verifier
from avow.verifier.attestation.cli import main
from avow.verifier.attestation.intel.quote import parse_quote, without_padding
from tests.verifier.attestation.examples import (
    AT,
    DOMAIN,
    event_log,
    platform,
    policy_of,
    td_policy,
)
from tests.verifier.attestation.nvidia.simulated import AT as SIMULATED_AT
from tests.verifier.attestation.nvidia.simulated import Maker
from tests.verifier.attestation.nvidia.test_device import (
    DRIVER_VALUES,
    DRIVER_VERSION,
    VBIOS_VALUES,
    VBIOS_VERSION,
)
from tests.verifier.attestation.nvidia.test_vectors import (
    ANSWER,
    DEVICES,
    GOLDEN,
    GOLDEN_MISMATCH,
    GOLDEN_OTHER_VERSION,
    GOLDEN_WRONG_SIGNATURE,
    JUNE_2024,
    NOW,
    SDK_OLD_ANSWER,
    Known,
)
from tests.verifier.attestation.test_nitro import TIMES
from tests.verifier.attestation.test_real_quotes import ADVISORIES, LENIENT
from tests.verifier.attestation.vectors import FOLDER, JULY_2025, MARCH_2026, read

Answer = tuple[int, dict[str, Any], str]
Ask = Callable[..., Answer]
TDX = ("tdx/tdx_quote", "collateral/tdx_quote_collateral.json", JULY_2025)
SGX = ("sgx/sgx_quote", "collateral/sgx_quote_collateral.json", JULY_2025)
LATER = "collateral/tdx_quote_outdated_collateral.json"


@pytest.fixture(scope="module")
def maker() -> Maker:
    """A simulated maker of devices."""
    return Maker()


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """`ask(path, at, ...)` gives the status, the JSON on stdout and the text on stderr."""

    def run(path: object, at: int, *more: object) -> Answer:
        words = [str(one) for one in (path, "--at", at, "--json", *more)]
        status = main(words)
        out, err = capsys.readouterr()
        assert len(err.splitlines()) == (status == 2)
        return status, json.loads(out) if out else {}, err

    return run


def vector(name: str) -> Path:
    """The path of real evidence, which must be there."""
    read(name)
    return FOLDER / name


def states(found: dict[str, Any]) -> dict[str, str]:
    """The state of each step."""
    return {step["name"]: step["state"] for step in found["steps"]}


def failed(found: dict[str, Any]) -> tuple[str, str]:
    """The one step that failed, and what it said."""
    assert found["verdict"] == "REFUSED"
    assert found["facts"] == {}
    ((name, detail),) = [
        (step["name"], step["detail"]) for step in found["steps"] if step["state"] == "FAILED"
    ]
    return name, detail


@pytest.mark.parametrize(
    ("case", "kind", "form"),
    [
        (TDX, "tdx", "binary, 70 zero bytes behind it"),
        (("tdx/google_quote_v5_sample.dat", LATER, MARCH_2026), "tdx", "binary"),
        (("dstack/quote-report.json", LATER, MARCH_2026), "tdx", "dstack's JSON"),
        (SGX, "sgx", "binary"),
    ],
)
def test_real_quotes_are_genuine_and_without_a_policy_not_judged(
    ask: Ask, case: tuple[str, str, int], kind: str, form: str
) -> None:
    name, collateral, at = case
    status, found, _ = ask(vector(name), at, "--collateral", vector(collateral))
    assert (status, found["verdict"], found["kind"], found["form"]) == (0, "GENUINE", kind, form)
    seen = states(found)
    assert seen["parse"] == seen["attributes"] == seen["chain"] == "PASSED"
    unjudged = ("policy", "tcb", "platform", "measurements", "revocation", "report data")
    assert {seen[one] for one in unjudged} == {"NOT CHECKED"}
    if name.startswith("dstack"):
        assert seen["events"] == "PASSED"
    # A month later the same files convince nobody.
    status, found, _ = ask(vector(name), at + 31 * 86_400, "--collateral", vector(collateral))
    assert (status, failed(found)[0]) == (1, "chain")


@pytest.mark.parametrize(
    ("name", "collateral", "at", "step", "says"),
    [
        ("tdx/tdx_quote_outdated", LATER, MARCH_2026, "chain", "No matching TCB level"),
        ("sgx/automata_debug_quote_sgx.bin", SGX[1], JULY_2025, "attributes", "debug mode"),
        ("tdx/automata_quotev4.hex", TDX[1], JULY_2025, "chain", ""),
        ("sgx/automata_quotev3.hex", SGX[1], JULY_2025, "chain", ""),
        ("dstack/tdx-lite-getquote.json", LATER, MARCH_2026, "", ""),
    ],
)
def test_real_quotes_that_must_be_refused_are(
    ask: Ask, name: str, collateral: str, at: int, step: str, says: str
) -> None:
    status, found, _ = ask(vector(name), at, "--collateral", vector(collateral))
    assert status == 1
    at_step, detail = failed(found)
    assert step in ("", at_step)
    assert says in detail
    # What was passed on the way is said, and what was not reached is not passed.
    assert states(found)["parse"] == "PASSED"
    assert found["steps"][-1]["state"] == "NOT CHECKED"


def test_a_policy_judges_what_was_measured(ask: Ask, tmp_path: Path) -> None:
    quote = parse_quote(without_padding(read(TDX[0])))
    file = tmp_path / "policy.json"
    file.write_bytes(policy_of(quote, *LENIENT, advisories=ADVISORIES).encode())
    given = ("--collateral", vector(TDX[1]), "--policy", file)
    status, found, _ = ask(vector(TDX[0]), TDX[2], *given)
    assert (status, found["verdict"]) == (0, "GENUINE")
    seen = states(found)
    assert seen["policy"] == seen["tcb"] == seen["measurements"] == "PASSED"
    file.write_bytes(td_policy().encode())
    status, found, _ = ask(vector(TDX[0]), TDX[2], *given)
    assert (status, failed(found)[0]) == (1, "measurements")
    sgx = parse_quote(read(SGX[0]))
    file.write_bytes(policy_of(sgx).encode())
    given = ("--collateral", vector(SGX[1]), "--policy", file)
    status, found, _ = ask(vector(SGX[0]), SGX[2], *given)
    assert (status, failed(found)[0]) == (1, "tcb")
    status, found, _ = ask(vector(TDX[0]), TDX[2], "--collateral", vector(TDX[1]), "--policy", file)
    assert (status, failed(found)[0]) == (1, "policy")


def test_report_data_are_compared_when_they_are_given(ask: Ask) -> None:
    quote = parse_quote(read(SGX[0]))
    collateral = ("--collateral", vector(SGX[1]))
    right = "0x" + quote.body.report_data.hex()
    status, found, _ = ask(vector(SGX[0]), SGX[2], *collateral, "--report-data", right)
    assert status == 0
    assert states(found)["report data"] == "PASSED"
    for wrong in ("00" * 64, right[:-2] + "01", right[:-2], "00"):
        status, found, _ = ask(vector(SGX[0]), SGX[2], *collateral, "--report-data", wrong)
        assert (status, failed(found)[0]) == (1, "report data")


@pytest.mark.parametrize("name", TIMES)
def test_real_documents_are_genuine_at_their_time(ask: Ask, name: str) -> None:
    status, found, _ = ask(vector(f"nitro/{name}"), TIMES[name])
    assert (status, found["verdict"], found["kind"]) == (0, "GENUINE", "nitro")
    assert states(found)["chain"] == "PASSED"
    assert states(found)["measurements"] == "NOT CHECKED"
    status, found, _ = ask(vector(f"nitro/{name}"), TIMES[name] + 86_400)
    assert (status, failed(found)[0]) == (1, "chain")


def test_a_real_debug_document_is_refused(ask: Ask) -> None:
    name = "nitro/dstack-attest_nitro_attestation_dbg.bin"
    status, found, _ = ask(vector(name), TIMES["dstack-attest_nitro_attestation.bin"])
    assert status == 1
    assert failed(found) == ("attributes", "PCR0 to 2 are zero: the enclave is in debug mode")


def device(known: Known) -> list[object]:
    """The arguments that name a device's files."""
    paths = [vector(name) for name in known.files]
    more: list[object] = ["--certificates", paths[1]] if len(paths) == 2 else []
    return [paths[0], NOW, *more]


@pytest.mark.parametrize("known", DEVICES, ids=lambda known: known.files[0])
def test_real_devices_are_genuine_and_need_golden_values(ask: Ask, known: Known) -> None:
    status, found, _ = ask(*device(known), "--nonce", known.nonce)
    assert status == 1
    assert "golden values" in failed(found)[0]
    missing = "--unsafe-missing-golden-values"
    status, found, _ = ask(*device(known), "--nonce", known.nonce, missing)
    assert (status, found["verdict"]) == (0, "GENUINE")
    (facts,) = found["facts"]["devices"]
    assert (facts["chip"], facts["vbios"]) == (known.chip, known.vbios)
    assert facts.get("driver") == known.driver
    assert states(found)["device nonce"] == "PASSED"
    # A nonce that nobody asked for establishes nothing, another one refuses.
    _, found, _ = ask(*device(known), missing)
    assert states(found)["device nonce"] == "NOT CHECKED"
    status, found, _ = ask(*device(known), missing, "--nonce", "00" * 32)
    assert (status, failed(found)[0]) == (1, "device nonce")
    assert states(found)["device signature"] == "PASSED"


def test_golden_values_are_compared(ask: Ask) -> None:
    known, missing = DEVICES[4], "--unsafe-missing-golden-values"
    report, _, *certificates = device(known)
    base = (report, JUNE_2024, *certificates, "--nonce", SDK_OLD_ANSWER, missing)
    status, found, _ = ask(*base, "--golden-values", vector(GOLDEN))
    assert (status, states(found)["VBIOS golden values"]) == (0, "PASSED")
    status, found, _ = ask(*base, "--golden-values", vector(GOLDEN_MISMATCH))
    assert (status, failed(found)[0]) == (1, "VBIOS golden values")
    # Those of another version say nothing of this device, which is said.
    _, found, _ = ask(*base, "--golden-values", vector(GOLDEN_OTHER_VERSION))
    assert states(found)["VBIOS golden values"] == "NOT CHECKED"
    unused = {"name": "golden values", "state": "NOT CHECKED"}
    assert (
        unused | {"detail": "GH100 96.00.5E.00.03 was given, no device here has it"}
        in found["steps"]
    )
    # Two of one version: which of them counts must not depend on their order.
    for both in ((GOLDEN, GOLDEN_MISMATCH), (GOLDEN_MISMATCH, GOLDEN)):
        given = [one for name in both for one in ("--golden-values", vector(name))]
        status, found, _ = ask(*base, *given)
        assert (status, failed(found)) == (
            1,
            ("golden values", "GH100 96.00.5E.00.01 was given twice"),
        )
    status, found, _ = ask(*base, "--golden-values", vector(GOLDEN_WRONG_SIGNATURE))
    assert status == 1
    assert failed(found)[0] in ("golden values signature", "golden values chain")


def test_chips_may_share_a_drivers_version(ask: Ask, tmp_path: Path, maker: Maker) -> None:
    devices = tmp_path / "devices.json"
    chips = (("GH100 A01 GSP BROM", "HOPPER"), ("GB100 A01 GSP BROM", "BLACKWELL"))
    listed = [json.loads(maker.device(rom).evidence(arch=arch))[0] for rom, arch in chips]
    devices.write_text(json.dumps(listed))
    (tmp_path / "root.der").write_bytes(maker.root.encoded)
    fingerprint = hashlib.sha256(maker.root.encoded).hexdigest()
    words: list[object] = ["--unsafe-simulated-root", tmp_path / "root.der", fingerprint]
    for product in ("GH100", "GB100"):
        for version, values in ((DRIVER_VERSION, DRIVER_VALUES), (VBIOS_VERSION, VBIOS_VALUES)):
            manifest = tmp_path / f"{product}-{version}.xml"
            manifest.write_bytes(maker.golden_values(version, values, product))
            words += ["--golden-values", manifest]
    status, found, _ = ask(devices, SIMULATED_AT, *words)
    assert (status, found["verdict"]) == (0, "SIMULATED"), found["steps"]
    assert [one["chip"] for one in found["facts"]["devices"]] == ["GH100", "GB100"]
    # Without the second chip's, the first one's do not stand in.
    status, found, _ = ask(devices, SIMULATED_AT, *words[:7])
    assert (status, failed(found)[1]) == (1, f"none were given for GB100 {DRIVER_VERSION}")


def test_a_real_report_with_a_wrong_signature_is_refused(ask: Ask) -> None:
    status, found, _ = ask(
        vector("gpu/hopperAttestationReportInvalidSignature.txt"),
        *(NOW, "--certificates", vector("gpu/sdk_hopperCertChain.txt")),
    )
    assert (status, failed(found)[0]) == (1, "device signature")
    assert states(found)["device chain"] == "PASSED"


OTHERS = (
    "dstack/gpu_attestation_h100.json",
    "dstack/tdx-lite-attestation.json",
    "gpu/hopperClaimsv3_decoded.json",
    "gpu/hopperClaimsv3_detached_eat.json",
    "gpu/sdk_hopperCertChain.txt",
    GOLDEN,
    "roots/Intel_SGX_Root_CA.der",
    TDX[1],
)


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_evidence_is_said_in_one_line(ask: Ask, name: str) -> None:
    status, _, line = ask(vector(name), NOW)
    assert status == 2
    assert "known" in line


def test_no_evidence_of_the_vectors_was_left_out() -> None:
    read(TDX[0])
    used = {TDX[0], SGX[0], "tdx/google_quote_v5_sample.dat", "dstack/quote-report.json"}
    used |= {"tdx/tdx_quote_outdated", "sgx/automata_debug_quote_sgx.bin"}
    used |= {"tdx/automata_quotev4.hex", "sgx/automata_quotev3.hex"}
    used |= {"dstack/tdx-lite-getquote.json", *OTHERS}
    used |= {f"nitro/{name}" for name in TIMES}
    used |= {"nitro/dstack-attest_nitro_attestation_dbg.bin"}
    used |= {file for known in DEVICES for file in known.files}
    used |= {"gpu/hopperAttestationReportInvalidSignature.txt", "gpu/sdk_hopperCertChain.txt"}
    there = {
        f"{path.parent.name}/{path.name}"
        for folder in ("tdx", "sgx", "nitro", "dstack", "gpu")
        for path in (FOLDER / folder).iterdir()
        if path.suffix not in (".swidtag", ".xml")
    }
    assert there - used == set()


@pytest.fixture
def simulated(tmp_path: Path) -> list[str]:
    """Files of a simulated trust domain: quote, collateral, policy, event log, root."""
    made = platform()
    contents = {
        "quote": made.quote(DOMAIN).hex().encode(),
        "collateral": made.collateral(),
        "policy": td_policy().encode(),
        "log": event_log(),
        "root": made.authority.pem.encode(),
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    return [str(tmp_path / name) for name in contents]


def words(simulated: list[str]) -> list[object]:
    """What accepts the simulation but for its root."""
    quote, collateral, policy, log, _ = simulated
    return [quote, AT, "--collateral", collateral, "--policy", policy, "--event-log", log]


def test_a_simulation_convinces_with_its_root_and_fingerprint_only(
    ask: Ask, simulated: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AVOW_ENVIRONMENT", raising=False)
    status, found, _ = ask(*words(simulated))
    assert status == 1
    assert failed(found) == (
        "root",
        "a SIMULATED quote: it establishes nothing about hardware",
    )
    root, fingerprint = simulated[-1], platform().authority.fingerprint.hex()
    allowed = [*words(simulated), "--unsafe-simulated-root", root, fingerprint]
    status, found, _ = ask(*allowed)
    assert (status, found["verdict"]) == (0, "SIMULATED")
    assert states(found)["events"] == "PASSED"
    for wrong in ("00" * 32, fingerprint[:-2], "x"):
        status, _, line = ask(*words(simulated), "--unsafe-simulated-root", root, wrong)
        assert status == 2
        assert "fingerprint" in line or "--unsafe-simulated-root" in line
    monkeypatch.setenv("AVOW_ENVIRONMENT", "production")
    status, _, line = ask(*allowed)
    assert status == 2
    assert "production" in line


def test_a_genuine_quote_means_nothing_under_a_test_root(
    ask: Ask, simulated: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AVOW_ENVIRONMENT", raising=False)
    root = ("--unsafe-simulated-root", simulated[-1], platform().authority.fingerprint.hex())
    status, found, _ = ask(vector(TDX[0]), TDX[2], "--collateral", vector(TDX[1]), *root)
    assert (status, failed(found)[0]) == (1, "root")


def test_bad_input_is_one_line(ask: Ask, simulated: list[str], tmp_path: Path) -> None:
    quote, collateral, policy, log, root = simulated
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    large = tmp_path / "large"
    large.write_bytes(b"\x04" * (2**20 + 1))
    cut = tmp_path / "cut"
    cut.write_bytes(bytes.fromhex("0400020081000000"))
    nested = tmp_path / "nested"
    nested.write_bytes(b"[" * 100_000)
    for path, more, says in (
        (tmp_path / "absent", (), "No such file"),
        (tmp_path, (), "Is a directory"),
        (empty, (), "none that is known"),
        (large, (), "at most"),
        (cut, (), "ends"),
        (nested, (), "nested deeper"),
        (collateral, (), "known"),
        (quote, (), "checked with its collateral"),
        (quote, ("--collateral", policy), "collateral lacks"),
        (quote, ("--collateral", root), "not JSON"),
        (quote, ("--collateral", collateral, "--policy", log), "must be an object"),
        (quote, ("--collateral", collateral, "--event-log", policy), "event log"),
        (quote, ("--collateral", collateral, "--report-data", "xx"), "hexadecimal"),
        (quote, ("--collateral", collateral, "--nonce", "00" * 32), "no use for a nonce"),
        (quote, ("--kind", "nitro"), "this is of tdx"),
        (quote, ("--nonce", "00"), "expected 32 bytes"),
    ):
        status, _, line = ask(path, AT, *more)
        assert status == 2, line
        assert says in line, line
    assert ask(quote, 2**50)[0] == 2
    with pytest.raises(SystemExit) as caught:
        ask(quote, -1)
    assert caught.value.code == 2


def test_spoilt_evidence_never_convinces(
    ask: Ask, simulated: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AVOW_ENVIRONMENT", raising=False)
    whole = bytes.fromhex(Path(simulated[0]).read_text())
    root = ("--unsafe-simulated-root", simulated[-1], platform().authority.fingerprint.hex())
    spoilt = tmp_path / "spoilt"

    def outcome(changed: bytes) -> tuple[int, str]:
        spoilt.write_bytes(changed)
        status, found, line = ask(spoilt, *words(simulated)[1:], *root)
        return status, line or failed(found)[0]

    body, signature = 48 + 136, 48 + 584 + 4
    assert outcome(whole[:-1])[0] == 2
    assert "no padding" in outcome(whole + b"\1")[1]
    for place, step in ((body, "chain"), (signature, "chain"), (48 + 120, "attributes")):
        changed = bytearray(whole)
        changed[place] ^= 1
        assert outcome(bytes(changed)) == (1, step)


def test_without_the_extra_it_is_undecided(tmp_path: Path, simulated: list[str]) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); sys.modules['dcap_qvl'] = None\n"
        "from avow.verifier.attestation.cli import main; sys.exit(main(sys.argv[2:]))"
    )
    (verifier,) = avow.verifier.__path__
    given = [str(one) for one in words(simulated)]
    given[1:2] = ["--at", given[1]]
    done = subprocess.run(
        [sys.executable, "-c", program, str(Path(verifier).parent.parent), *given],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    assert done.returncode == 2, done.stdout
    (line,) = done.stderr.splitlines()
    assert "undecided: " in line


def test_what_is_asked_of_an_enclave_is_refused_of_a_device(ask: Ask) -> None:
    for option, value in (("--report-data", ANSWER), ("--collateral", vector(TDX[1]))):
        status, _, line = ask(*device(DEVICES[0]), option, value)
        assert status == 2
        assert "has no use for" in line
