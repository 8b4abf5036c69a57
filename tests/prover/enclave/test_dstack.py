"""The code for guests of dstack, against a SIMULATED agent: no hardware has run it."""

from pathlib import Path

import pytest

from avow.prover.enclave.dstack import DstackGuest
from avow.prover.enclave.errors import EnclaveRefused
from avow.prover.enclave.opening import open_session
from avow.prover.enclave.platform import NoDevices
from avow.prover.enclave.registered import Registered
from avow.verifier.systems.tee.registration import PROGRAM_EVENT
from tests.prover.enclave.places import NOW, enclave, simulated_machine, started
from tests.prover.enclave.simulated_agent import SimulatedDstackGuest, agent


def opened(guest: DstackGuest) -> Registered:
    """A session on that guest."""
    made = enclave()
    source = started(simulated_machine(), NOW)
    return open_session(guest, source, NoDevices(), made.served(), made.terms, made.clock)[1]


def test_a_session_opens_by_the_guest_agent(tmp_path: Path) -> None:
    with agent(tmp_path / "dstack.sock") as server:
        guest = SimulatedDstackGuest(tmp_path / "dstack.sock")
        first, second = opened(guest), opened(guest)
    assert first.platform == "dstack" and first.address != second.address
    names = [event.name for event in server.guest.measured()]
    assert names == ["app-id", "system-ready", PROGRAM_EVENT]


def test_without_a_test_root_it_is_hardware_that_must_vouch(tmp_path: Path) -> None:
    with agent(tmp_path / "dstack.sock"):
        guest = DstackGuest(tmp_path / "dstack.sock")
        assert guest.root is None
        with pytest.raises(EnclaveRefused, match="a SIMULATED quote"):
            opened(guest)


def test_a_release_that_keeps_the_register_to_itself_is_refused(tmp_path: Path) -> None:
    with (
        agent(tmp_path / "dstack.sock", "0.6"),
        pytest.raises(EnclaveRefused, match=r"refuses EmitEvent \(400\): EmitEvent was removed"),
    ):
        opened(SimulatedDstackGuest(tmp_path / "dstack.sock"))


def test_no_socket_and_no_answer_are_said(tmp_path: Path) -> None:
    path = tmp_path / "dstack.sock"
    with pytest.raises(EnclaveRefused, match=r"dstack\.sock is missing"):
        DstackGuest(path)
    path.write_bytes(b"")
    with pytest.raises(EnclaveRefused, match="does not answer Info"):
        DstackGuest(path)


@pytest.mark.parametrize(
    ("method", "reply", "reason"),
    [
        ("Info", (500, b"broken"), r"refuses Info \(500\): broken"),
        ("Info", (200, b"[]"), "refuses Info"),
        ("GetQuote", (200, b"{}"), "gave no quote and log"),
        ("GetQuote", (200, b'{"quote": "zz", "event_log": ""}'), "gave no quote and log"),
        ("GetQuote", (200, b'{"quote": "00", "event_log": "{}"}'), "the agent's event log"),
        ("GetQuote", (200, b" " * (5 * 2**20)), "says too much"),
        ("EmitEvent", (200, b""), "RTMR3 names nothing"),
    ],
)
def test_an_agent_that_says_something_else_opens_nothing(
    tmp_path: Path, method: str, reply: tuple[int, bytes], reason: str
) -> None:
    with agent(tmp_path / "dstack.sock") as server:
        server.wrong[method] = reply
        with pytest.raises(EnclaveRefused, match=reason):
            opened(SimulatedDstackGuest(tmp_path / "dstack.sock"))
