"""A mock of the ezkl system: the real formats and digests, a hash in place of the proof.

It sums its four inputs into two outputs. Nothing here proves anything; it lets market, nodes
and queue be tested in seconds. The real system has a test of its own.
"""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from avow.prover.catalogue import Compiled
from avow.prover.errors import RequestRefused
from avow.prover.preview import Preview
from avow.prover.systems.system import Answer, Limits, OneAtATime, Proof, Tick
from avow.verifier.bundle import parse_bundle
from avow.verifier.chain import registration
from avow.verifier.commitment import Scheme, commit_public
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import ZERO_WORD, keccak256
from avow.verifier.policy import Policy
from avow.verifier.records import (
    Fidelity,
    InputVisibility,
    ModelRecord,
    OutputShape,
    SystemRecord,
    WeightVisibility,
)
from avow.verifier.systems.ezkl import material
from avow.verifier.systems.ezkl.field import to_field
from avow.verifier.systems.ezkl.layout import encode_layout, instance_layout, limbs
from avow.verifier.systems.system import Evidence, Findings
from avow.verifier.tensor import ElementType, Tensor, TensorSpec
from avow.verifier.verdict import Assurance, Hides

SYSTEM = "ezkl/v1"
HERE = Path(__file__).parent


@cache
def mock_verifier_code(contracts: Path) -> tuple[bytes, bytes]:
    """Creation and runtime code of MockHalo2Verifier, by the project's own compiler."""
    source = (HERE / "MockHalo2Verifier.sol").read_text("utf-8")
    question = {
        "language": "Solidity",
        "sources": {"MockHalo2Verifier.sol": {"content": source}},
        "settings": {
            "metadata": {"appendCBOR": False},
            "outputSelection": {"*": {"*": ["evm.bytecode.object", "evm.deployedBytecode.object"]}},
        },
    }
    done = subprocess.run(
        ["./solc", "--standard-json"],
        cwd=contracts,
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=True,
    )
    built = json.loads(done.stdout)["contracts"]["MockHalo2Verifier.sol"]["MockHalo2Verifier"]
    evm = built["evm"]
    return (
        bytes.fromhex(evm["bytecode"]["object"]),
        bytes.fromhex(evm["deployedBytecode"]["object"]),
    )


def model_record(owner: bytes) -> ModelRecord:
    """The mock's model: four int16 in, two int32 out."""
    return ModelRecord(
        name="mock-sums",
        version="1",
        onnx_sha256=keccak256(b"no onnx"),
        inputs=(TensorSpec("x", ElementType.INT16, (4,), 4, -320, 320),),
        outputs=(OutputShape("y", (2,)),),
        licence="Apache-2.0",
        owner=owner,
    )


def system_record(model: ModelRecord, runtime_code: bytes) -> SystemRecord:
    """The mock's system record, with details as the ezkl half writes them."""
    layout = instance_layout(InputVisibility.PUBLIC, WeightVisibility.FIXED, 4, 2)
    details = material.Details(keccak256(b"graph"), ZERO_WORD, 32, 10, encode_layout(layout))
    return SystemRecord(
        model=model.digest(),
        system=SYSTEM,
        program=keccak256(b"mock program"),
        key=keccak256(b"mock key"),
        srs=None,
        outputs=(TensorSpec("y", ElementType.INT32, (2,), 4, -(2**31), 2**31 - 1),),
        input_visibility=InputVisibility.PUBLIC,
        weight_visibility=WeightVisibility.FIXED,
        fidelity=Fidelity(0, "0", "0", "0"),
        constraints=1,
        proving_memory_bytes=1000,
        evm_codehash=keccak256(runtime_code),
        measurements=(),
        details=details.to_pairs(),
    )


def run_sums(inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The mock's program: the sum, and the sum of the first two less the last two."""
    a, b, c, d = inputs[0].values
    return (Tensor(ElementType.INT32, (2,), (a + b + c + d, a + b - c - d)),)


def instances(root: bytes, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[int, ...]:
    """The public values in ezkl's order."""
    x = [to_field(value) for value in inputs[0].values]
    y = [to_field(value) for value in outputs[0].values]
    return (*x, *limbs(root), *y)


def fake_proof(values: Sequence[int]) -> bytes:
    """What stands for a proof: the hash of the public values."""
    return keccak256(b"".join(value.to_bytes(32, "big") for value in values))


class MockProving(OneAtATime):
    """The proving half; counts its proofs."""

    def __init__(self) -> None:
        self.proved = 0

    def answer(
        self, compiled: Compiled, inputs: Sequence[Tensor], salt: bytes, limits: Limits, tick: Tick
    ) -> Answer:
        """The sums."""
        return Answer(run_sums(inputs), commit_public(inputs))

    def prove(
        self,
        compiled: Compiled,
        inputs: Sequence[Tensor],
        salt: bytes,
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> Proof:
        """The hash."""
        self.proved += 1
        outputs = run_sums(inputs)
        values = instances(root, inputs, outputs)
        return Proof(outputs, material.Proof(values, fake_proof(values)).to_json(), {})


class MockChecking:
    """The checking half that belongs to `MockProving`."""

    system_id = SYSTEM
    input_schemes = frozenset({Scheme.PUBLIC})

    def verify(self, evidence: Evidence) -> Findings:
        """Recompute everything."""
        proof = material.parse_proof(evidence.proof)
        if evidence.inputs is None:
            raise VerificationError("proof", "the mock needs the input")
        if proof.instances != instances(evidence.root, evidence.inputs, evidence.outputs):
            raise VerificationError("proof", "other public values")
        if proof.data != fake_proof(proof.instances):
            raise VerificationError("proof", "the mock refuses the proof")
        return Findings(Assurance.PROVEN, Hides.NONE, None, "the mock accepts")


@dataclass(frozen=True)
class MockCatalogue:
    """Knows one artifact."""

    compiled: Compiled

    def find(
        self, model: str, system: str | None, record: str | None, hides: Hides | None = None
    ) -> Compiled:
        """The artifact, when it is asked for; it hides nothing."""
        if hides is Hides.INPUTS:
            raise RequestRefused(f"hides: no artifact of {model!r} hides the input")
        if model != self.compiled.model_digest or record not in (None, self.compiled.record_digest):
            raise RequestRefused(f"model: no compiled model {model!r}")
        return self.compiled

    def all(self) -> list[Compiled]:
        """The artifact."""
        return [self.compiled]


def no_preview(compiled: Compiled, inputs: tuple[Tensor, ...]) -> Preview:
    """There is no float model behind the mock."""
    return Preview((), "", "the mock has no float model")


def check_draft(draft: Path, policy: Policy, limits: Limits, tick: Tick) -> Assurance:
    """The worker's self-check; the validator checks for itself."""
    parse_bundle(draft.read_bytes())
    return policy.minimum_assurance


def to_register(compiled: Compiled, creation_code: bytes) -> registration.Compiled:
    """The artifact as registration takes it."""
    return registration.Compiled(compiled.model, compiled.record, creation_code)
