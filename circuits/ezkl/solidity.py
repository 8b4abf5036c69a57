"""Compiling the Solidity verifier that ezkl writes, to bytecode whose hash can be pinned."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avow.circuits.errors import CircuitError
from avow.circuits.files import read_file
from avow.verifier.fields import to_hex
from avow.verifier.keccak import keccak256

CONTRACT = "Halo2Verifier"
OPTIMIZER_RUNS = 200
EVM_VERSION = "cancun"
SECONDS = 600
_SOURCE = "verifier.sol"
_MAX_SOURCE_BYTES = 8 * 2**20
# EIP-170: a chain refuses to deploy more.
MAX_RUNTIME_BYTES = 24_576


@dataclass(frozen=True, slots=True)
class EvmVerifier:
    """A compiled verifier contract; `codehash` is the keccak256 of the code that a chain holds."""

    abi: list[Any]
    bytecode: bytes
    codehash: bytes
    runtime_bytes: int
    compiler: str

    def to_json(self) -> dict[str, Any]:
        """The content of an artifact's verifier.json."""
        return {
            "abi": self.abi,
            "bytecode": to_hex(self.bytecode),
            "codehash": to_hex(self.codehash),
            "runtime_bytes": self.runtime_bytes,
            "compiler": self.compiler,
            "contract": CONTRACT,
        }


def compile_verifier(source: Path, solc: Path) -> EvmVerifier:
    """Compile with `solc` (it takes --version and --standard-json); raises `CircuitError`.

    Via-IR is off: the generated assembly does not compile with it. Metadata is left out, so that
    equal code has an equal hash.
    """
    text = read_file(source, _MAX_SOURCE_BYTES).decode("utf-8", "replace")
    request = {
        "language": "Solidity",
        "sources": {_SOURCE: {"content": text}},
        "settings": {
            "optimizer": {"enabled": True, "runs": OPTIMIZER_RUNS},
            "evmVersion": EVM_VERSION,
            "viaIR": False,
            "metadata": {"bytecodeHash": "none", "appendCBOR": False},
            "outputSelection": {
                "*": {"*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]}
            },
        },
    }
    version = _ask(solc, ["--version"], "").strip().splitlines()[-1].removeprefix("Version: ")
    answer = _parse(_ask(solc, ["--standard-json"], json.dumps(request)))
    errors = [item for item in answer.get("errors", []) if item.get("severity") == "error"]
    if errors:
        said = " ".join(str(errors[0].get("message", "")).split())[:200]
        raise CircuitError(f"solc refuses the verifier: {said}")
    try:
        contract = answer["contracts"][_SOURCE][CONTRACT]
        code = bytes.fromhex(contract["evm"]["bytecode"]["object"])
        runtime = bytes.fromhex(contract["evm"]["deployedBytecode"]["object"])
        abi = list(contract["abi"])
    except (KeyError, ValueError, TypeError) as error:
        raise CircuitError(f"solc gave no bytecode of {CONTRACT}") from error
    if not runtime:
        raise CircuitError(f"solc gave no bytecode of {CONTRACT}")
    return EvmVerifier(abi, code, keccak256(runtime), len(runtime), version)


def _ask(solc: Path, arguments: list[str], request: str) -> str:
    if not solc.is_file():
        raise CircuitError(
            f"no Solidity compiler at {solc}: run `make setup`, set AVOW_CONTRACTS, "
            "or compile without an EVM verifier (--no-evm)"
        )
    try:
        done = subprocess.run(  # noqa: S603 - the compiler that the caller names
            [str(solc.absolute()), *arguments],
            input=request.encode("utf-8"),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CircuitError(f"solc did not end within {SECONDS} s") from error
    except OSError as error:
        raise CircuitError(f"cannot run {solc}: {error.strerror}") from error
    if done.returncode != 0 or not done.stdout:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        said = next((line for line in lines if "Error" in line), lines[-1] if lines else "nothing")
        raise CircuitError(f"solc ended with status {done.returncode}: {said[:200]}")
    return done.stdout.decode("utf-8", "replace")


def _parse(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise CircuitError("solc answered something that is not JSON") from error
    if not isinstance(value, dict):
        raise CircuitError("solc answered something that is not an object")
    return value
