"""An enclave that is half configured is refused with one line, and nothing simulates unasked."""

from pathlib import Path

import pytest

from avow.prover.config import as_environment, from_environment
from avow.prover.enclave.dstack import DstackGuest
from avow.prover.enclave.errors import EnclaveRefused
from avow.prover.enclave.gpus import GpuCommand
from avow.prover.enclave.machine import machine
from avow.prover.enclave.pccs import CollateralFile, Pccs
from avow.prover.enclave.settings import EnclaveSettings, enclave_settings
from avow.prover.enclave.tdx import TdxGuest
from avow.prover.errors import ConfigurationError
from tests.prover.enclave.places import Clock
from tests.prover.enclave.simulated_agent import agent
from tests.prover.enclave.simulated_kernel import SimulatedKernel

PROGRAM = "0x" + "ab" * 32
SIMULATED = {"AVOW_ENCLAVE": "simulated", "AVOW_ENCLAVE_PROGRAM": PROGRAM}
TDX = SIMULATED | {"AVOW_ENCLAVE": "tdx", "AVOW_ENCLAVE_PCCS": "https://127.0.0.1:8081/"}
CHAIN = {
    "AVOW_ENCLAVE_REGISTRY": "31337:0x" + "Ab" * 20,
    "AVOW_ENCLAVE_CHALLENGE": "0x" + "cd" * 32,
}


def test_without_the_variable_there_is_none() -> None:
    assert enclave_settings({"AVOW_ENCLAVE_PROGRAM": PROGRAM}) is None
    assert from_environment({}).enclave is None


def test_everything_is_read() -> None:
    found = enclave_settings(
        TDX
        | CHAIN
        | {
            "AVOW_ENCLAVE_LIFETIME_SECONDS": "3600",
            "AVOW_ENCLAVE_GPU_COMMAND": "collect --all",
            "AVOW_ENCLAVE_GPU_GOLDEN_VALUES": "/etc/driver.xml:/etc/vbios.xml:",
            "AVOW_ENCLAVE_EVENT_LOG": "/run/x.json",
        }
    )
    assert found is not None
    assert found.golden_values == (Path("/etc/driver.xml"), Path("/etc/vbios.xml"))
    assert found is not None and found.pccs == "https://127.0.0.1:8081"
    assert (found.registry.chain_id, found.registry.market) == (31337, b"\xab" * 20)
    assert found.challenge == b"\xcd" * 32 and found.program == b"\xab" * 32
    assert found.lifetime == 3600 and found.event_log == Path("/run/x.json")


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"AVOW_ENCLAVE": "sgx"}, "AVOW_ENCLAVE: expected tdx"),
        (TDX | {"AVOW_ENCLAVE_PROGRAM": ""}, "the program is not pinned"),
        (TDX | {"AVOW_ENCLAVE_PROGRAM": "0x12"}, "AVOW_ENCLAVE_PROGRAM: expected 0x"),
        (TDX | {"AVOW_ENCLAVE_PCCS": ""}, "where the platform's collateral comes from"),
        (TDX | {"AVOW_ENCLAVE_COLLATERAL": "x"}, "where the platform's collateral comes from"),
        (TDX | {"AVOW_ENCLAVE_PCCS": "ftp://x"}, "AVOW_ENCLAVE_PCCS: expected http"),
        (TDX | {"AVOW_ENCLAVE_PCCS": "http://me:secret@[::1"}, "names no host and port$"),
        (TDX | {"AVOW_ENCLAVE_PCCS": "http://" + "a" * 64 + ".example"}, "names no host and port"),
        (TDX | {"AVOW_ENCLAVE_PCCS": "https://127.0.0.1:99999"}, "names no host and port"),
        (TDX | {"AVOW_ENCLAVE_PCCS": "https:///x"}, "names no host and port"),
        (TDX | {"AVOW_ENCLAVE_GPU_COMMAND": "x 'y"}, "GPUs cannot be read: no closing quotation"),
        (TDX | {"AVOW_ENCLAVE_GPU_COMMAND": "  "}, "the command for GPUs is empty"),
        (TDX | {"AVOW_ENCLAVE_GPU_GOLDEN_VALUES": "x"}, "expected AVOW_ENCLAVE_GPU_COMMAND beside"),
        (TDX | {"AVOW_ENCLAVE": "auto", "AVOW_ENCLAVE_PCCS": ""}, "collateral comes from"),
        (TDX | {"AVOW_ENCLAVE_CHALLENGE": "0x" + "00" * 32}, "or none of both off chain"),
        (TDX | CHAIN | {"AVOW_ENCLAVE_REGISTRY": "31337"}, "expected CHAIN_ID:0xADDRESS"),
        (TDX | CHAIN | {"AVOW_ENCLAVE_REGISTRY": "1:0x" + "00" * 20}, "expected CHAIN_ID"),
        (TDX | {"AVOW_ENCLAVE_LIFETIME_SECONDS": "5"}, "expected a whole number from 600"),
        (TDX | {"AVOW_ENCLAVE_OPERATOR": "0x" + "11" * 20}, "does not sign its own"),
        (SIMULATED | {"AVOW_ENCLAVE_OPERATOR": "me"}, "expected an address"),
        (SIMULATED | {"AVOW_ENVIRONMENT": "production"}, "nothing would be attested"),
    ],
)
def test_what_is_missing_or_wrong_is_named(variables: dict[str, str], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        enclave_settings(variables)


def test_production_reaches_the_processes_of_a_worker() -> None:
    handed = as_environment(from_environment({}), {"AVOW_ENVIRONMENT": "production"})
    assert handed["AVOW_ENVIRONMENT"] == "production"


def test_auto_takes_what_is_there_and_never_a_simulation(tmp_path: Path) -> None:
    socket = tmp_path / "d.sock"
    settings = EnclaveSettings(
        "auto",
        b"\xab" * 32,
        pccs="http://127.0.0.1:9",
        event_log=tmp_path / "log",
        dstack_socket=socket,
    )
    with pytest.raises(EnclaveRefused, match="has to be asked for by its name"):
        machine(settings, tmp_path, Clock(), tmp_path / "root")
    kernel = SimulatedKernel(tmp_path / "root")
    found, source, _ = machine(settings, tmp_path, Clock(), kernel.root)
    assert isinstance(found, TdxGuest) and isinstance(source, Pccs)
    # Inside dstack the register is its agent's.
    with agent(socket):
        found, _, _ = machine(settings, tmp_path, Clock(), kernel.root)
    assert isinstance(found, DstackGuest)


def test_who_asks_for_a_challenge_has_none_and_who_opens_an_enclave_has(tmp_path: Path) -> None:
    """`avow attestation challenge` reads the settings before there is anything to set."""
    variables = SIMULATED | {"AVOW_ENCLAVE_REGISTRY": CHAIN["AVOW_ENCLAVE_REGISTRY"]}
    found = enclave_settings(variables)
    assert found is not None
    with pytest.raises(EnclaveRefused, match="gives one to the account"):
        machine(found, tmp_path, Clock())
    found = enclave_settings(SIMULATED | CHAIN)
    assert found is not None
    machine(found, tmp_path, Clock())


def test_a_named_platform_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for name in ("tdx", "dstack"):
        settings = EnclaveSettings(
            name,
            b"\xab" * 32,
            collateral=tmp_path / "c.json",
            dstack_socket=tmp_path / "none.sock",
        )
        with pytest.raises(EnclaveRefused, match="is missing"):
            machine(settings, tmp_path, Clock(), tmp_path)
    SimulatedKernel(tmp_path / "root")
    kept = EnclaveSettings("tdx", b"\xab" * 32, collateral=tmp_path / "c.json")
    assert isinstance(machine(kept, tmp_path, Clock(), tmp_path / "root")[1], CollateralFile)


def test_a_simulated_machine_stays_the_same(tmp_path: Path) -> None:
    settings = EnclaveSettings("simulated", b"\xab" * 32)
    first, _, _ = machine(settings, tmp_path, Clock())
    second, _, _ = machine(settings, tmp_path, Clock(Clock().now + 40 * 86_400))
    assert first.root is not None and second.root is not None
    assert first.root.certificate == second.root.certificate
    (tmp_path / "enclave" / "simulated" / "machine.json").write_text("{}")
    with pytest.raises(EnclaveRefused, match="cannot be used"):
        machine(settings, tmp_path, Clock())


def test_the_command_for_gpus_prints_evidence_or_is_refused() -> None:
    assert GpuCommand("printf '[%s]'").collect(b"\x01" * 32) == b"[" + b"01" * 32 + b"]"
    for command in ("false", "true", "no-such-program-here"):
        with pytest.raises(EnclaveRefused, match="the command for GPUs"):
            GpuCommand(command).collect(bytes(32))
