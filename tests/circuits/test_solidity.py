"""Compiling the Solidity verifier: whatever the compiler does, the error is one line."""

import json
import stat
from pathlib import Path

import pytest

from avow.circuits.errors import CircuitError
from avow.circuits.ezkl.solidity import compile_verifier
from avow.verifier.keccak import keccak256


def compiler(folder: Path, answer: str, status: int = 0) -> Path:
    """A program that answers like solc, with what the test wants."""
    path = folder / "solc"
    reply = folder / "reply"
    reply.write_text(answer)
    path.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = "--version" ]; then echo "solc"; echo "Version: 0.0.0"; exit 0; fi\n'
        f'cat > "{folder}/request"; cat "{reply}"; exit {status}\n'
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def output(code: str, runtime: str) -> str:
    evm = {"bytecode": {"object": code}, "deployedBytecode": {"object": runtime}}
    contract = {"abi": [], "evm": evm}
    return json.dumps({"contracts": {"verifier.sol": {"Halo2Verifier": contract}}})


@pytest.fixture
def sol(tmp_path: Path) -> Path:
    path = tmp_path / "verifier.sol"
    path.write_text("contract Halo2Verifier {}")
    return path


def test_the_codehash_is_that_of_the_runtime_code(sol: Path, tmp_path: Path) -> None:
    found = compile_verifier(sol, compiler(tmp_path, output("6001", "6002")))
    assert found.codehash == keccak256(bytes.fromhex("6002"))
    assert found.bytecode == bytes.fromhex("6001")
    assert found.compiler == "0.0.0"
    request = json.loads((tmp_path / "request").read_text())
    assert request["settings"]["viaIR"] is False
    assert request["settings"]["metadata"] == {"bytecodeHash": "none", "appendCBOR": False}


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        ("{}", "no bytecode"),
        ("[]", "not an object"),
        ("x", "not JSON"),
        (output("zz", "60"), "no bytecode"),
        (output("60", ""), "no bytecode"),
        (json.dumps({"errors": [{"severity": "error", "message": "Stack\ntoo deep"}]}), "too deep"),
    ],
)
def test_odd_answers_are_one_line(sol: Path, tmp_path: Path, answer: str, match: str) -> None:
    with pytest.raises(CircuitError, match=match) as caught:
        compile_verifier(sol, compiler(tmp_path, answer))
    assert "\n" not in str(caught.value)


def test_a_failing_or_missing_compiler_is_one_line(sol: Path, tmp_path: Path) -> None:
    with pytest.raises(CircuitError, match="status 3"):
        compile_verifier(sol, compiler(tmp_path, "x", status=3))
    with pytest.raises(CircuitError, match="no Solidity compiler"):
        compile_verifier(sol, tmp_path / "none")
    with pytest.raises(CircuitError, match="cannot run"):
        compile_verifier(sol, sol)
