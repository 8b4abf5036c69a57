"""Running a compiled circuit on an input, and proving the run."""

import json
import math
import secrets
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avow.circuits.errors import CircuitError, InputRefused, StepFailed
from avow.circuits.ezkl.artifact import EzklArtifact
from avow.circuits.ezkl.child import Limits, Progress, run
from avow.circuits.ezkl.files import CIRCUIT, PK
from avow.circuits.files import write_file
from avow.verifier.commitment import Commitment, Scheme, commit_public
from avow.verifier.errors import VerificationError
from avow.verifier.records import InputVisibility
from avow.verifier.systems.ezkl.field import from_ezkl_hex, to_ezkl_hex, to_field, to_signed
from avow.verifier.systems.ezkl.layout import BINDING_LIMBS, limbs
from avow.verifier.systems.ezkl.material import Material, Proof
from avow.verifier.tensor import Tensor, TensorSpec

Watch = Callable[[Progress], None]
Cancelled = Callable[[], bool]

# What ezkl says when a value does not fit the legs of its range check.
_OUTGROWN = "synthesis error"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the circuit: its outputs and what commits to its input.

    `weights_hash` is the circuit's Poseidon hash of hidden weights, None where they are fixed.
    """

    outputs: tuple[Tensor, ...]
    input: Commitment
    weights_hash: int | None


@dataclass(frozen=True, slots=True)
class Proved:
    """A run and a proof of it that nobody has checked yet, with measured seconds and memory."""

    run: Run
    proof: Proof
    seconds: float
    peak_rss_bytes: int


@dataclass(frozen=True, slots=True)
class Circuit:
    """The files and schema that running needs; taken from an artifact or from a build folder."""

    circuit: Path
    pk: Path
    srs: Path
    input: InputVisibility
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @classmethod
    def of(cls, artifact: EzklArtifact) -> "Circuit":
        """The circuit of a checked artifact."""
        return cls(
            circuit=artifact.path(CIRCUIT),
            pk=artifact.path(PK),
            srs=artifact.srs.path,
            input=artifact.record.input_visibility,
            inputs=artifact.model.inputs,
            outputs=artifact.record.outputs,
        )


def material(artifact: EzklArtifact) -> Material:
    """What a bundle carries so that the artifact's proofs can be checked offline."""
    return Material(artifact.settings(), artifact.vk(), artifact.srs.tau_g2)


def answer(
    circuit: Circuit,
    inputs: Sequence[Tensor],
    salt: bytes,
    limits: Limits,
    watch: Watch | None = None,
    cancelled: Cancelled | None = None,
) -> Run:
    """The circuit's own outputs for checked integers; no proof yet.

    `salt` (32 bytes) blinds the commitment to a hidden input and is ignored for public ones.
    Raises `CircuitError`, also when the input cannot be run (a sum outgrows the circuit).
    """
    with tempfile.TemporaryDirectory(prefix="avow-run-") as name:
        folder = Path(name)
        # The binding plays no part in the outputs, so that any will do.
        return _witness(circuit, inputs, salt, bytes(32), folder, limits, watch, cancelled)


def prove(
    circuit: Circuit,
    inputs: Sequence[Tensor],
    salt: bytes,
    root: bytes,
    limits: Limits,
    watch: Watch | None = None,
    cancelled: Cancelled | None = None,
) -> Proved:
    """Prove the run on `inputs`, bound to `root` (32 bytes).

    ezkl returns invalid proofs without a word when a key is corrupt: the caller must check the
    result with the verifier before anyone sees it. The limits hold for each of the two steps.
    """
    with tempfile.TemporaryDirectory(prefix="avow-prove-") as name:
        folder = Path(name)
        done = _witness(circuit, inputs, salt, root, folder, limits, watch, cancelled)
        result = run(
            "prove",
            {
                "witness": str(folder / "witness.json"),
                "circuit": str(circuit.circuit),
                "pk": str(circuit.pk),
                "proof": str(folder / "proof.json"),
                "srs": str(circuit.srs),
            },
            limits,
            watch,
            cancelled,
        )
    return Proved(done, _proof(result.value), result.seconds, result.peak_rss_bytes)


def answer_rows(
    circuit: Circuit,
    rows: Sequence[Sequence[Tensor]],
    limits: Limits,
    watch: Watch | None = None,
) -> list[tuple[Tensor, ...] | None]:
    """The circuit's own outputs for many inputs, from one process.

    None stands for a row that cannot be run, because a sum outgrows the circuit.
    """
    with tempfile.TemporaryDirectory(prefix="avow-rows-") as name:
        path = Path(name) / "rows"
        lines = [json.dumps(input_document(circuit, row, bytes(32), bytes(32))) for row in rows]
        write_file(path, ("\n".join(lines) + "\n").encode("ascii"))
        result = run("outputs", {"rows": str(path), "circuit": str(circuit.circuit)}, limits, watch)
    return [None if row is None else _outputs(circuit, row) for row in result.value]


def commit_hidden(inputs: Sequence[Tensor], salt: bytes, limits: Limits) -> Commitment:
    """The scheme 3 commitment that a circuit with hidden inputs computes for these integers.

    For whoever opens a commitment or makes one beforehand: Poseidon over the field elements of
    every input's integers, row-major, then the 16 limbs of the salt.
    """
    values = [value for tensor in inputs for value in tensor.values]
    message = [to_ezkl_hex(to_field(value)) for value in (*values, *limbs(salt))]
    (digest,) = run("poseidon", {"message": message}, limits).value
    return _hidden_commitment(from_ezkl_hex(digest))


def input_document(
    circuit: Circuit, inputs: Sequence[Tensor], salt: bytes, root: bytes
) -> dict[str, Any]:
    """ezkl's input file for the grafted graph: the values (and salt), and the binding."""
    try:
        if len(inputs) != len(circuit.inputs):
            raise CircuitError(f"expected {len(circuit.inputs)} inputs, got {len(inputs)}")
        for spec, tensor in zip(circuit.inputs, inputs, strict=True):
            spec.check(tensor)
        values = [value for tensor in inputs for value in tensor.values]
        if circuit.input is InputVisibility.HASHED:
            values.extend(limbs(salt))
        return {"input_data": [values, list(limbs(root))]}
    except VerificationError as error:
        raise CircuitError(error.message) from error


def random_salt() -> bytes:
    """32 fresh random bytes."""
    return secrets.token_bytes(32)


def _witness(
    circuit: Circuit,
    inputs: Sequence[Tensor],
    salt: bytes,
    root: bytes,
    folder: Path,
    limits: Limits,
    watch: Watch | None,
    cancelled: Cancelled | None,
) -> Run:
    document = input_document(circuit, inputs, salt, root)
    write_file(folder / "input.json", json.dumps(document).encode("ascii"))
    params = {
        "input": str(folder / "input.json"),
        "circuit": str(circuit.circuit),
        "witness": str(folder / "witness.json"),
    }
    try:
        found = run("witness", params, limits, watch, cancelled).value
    except StepFailed as error:
        if _OUTGROWN in str(error):
            raise InputRefused(
                "this input cannot be run: a value outgrows the integers of the circuit"
            ) from error
        raise
    hashes = found["weight_hashes"]
    if circuit.input is InputVisibility.HASHED:
        commitment = _hidden_commitment(from_ezkl_hex(found["input_hashes"][0]))
    else:
        commitment = commit_public(list(inputs))
    return Run(
        outputs=_outputs(circuit, found["outputs"]),
        input=commitment,
        weights_hash=from_ezkl_hex(hashes[0]) if hashes else None,
    )


def _hidden_commitment(element: int) -> Commitment:
    return Commitment(Scheme.EZKL_POSEIDON, element.to_bytes(32, "big"))


def _outputs(circuit: Circuit, found: Sequence[Sequence[str]]) -> tuple[Tensor, ...]:
    hidden = circuit.input is InputVisibility.HASHED
    own = found[:-1] if hidden else found
    if len(own) != len(circuit.outputs) or (hidden and len(found[-1]) != BINDING_LIMBS):
        raise CircuitError(f"the circuit gave {len(found)} outputs, not those of its record")
    tensors = []
    for spec, elements in zip(circuit.outputs, own, strict=True):
        if len(elements) != math.prod(spec.shape):
            raise CircuitError(f"the circuit gave {len(elements)} values for {spec.name!r}")
        try:
            values = tuple(to_signed(from_ezkl_hex(element)) for element in elements)
            tensor = Tensor(spec.element_type, spec.shape, values)
            spec.check(tensor)
        except VerificationError as error:
            raise CircuitError(f"the circuit's output is out of range: {error.message}") from error
        tensors.append(tensor)
    return tuple(tensors)


def _proof(value: dict[str, Any]) -> Proof:
    instances = value["instances"]
    if len(instances) != 1:
        raise CircuitError(f"expected one column of instances from ezkl, got {len(instances)}")
    return Proof(
        tuple(from_ezkl_hex(element) for element in instances[0]), bytes.fromhex(value["proof"])
    )
