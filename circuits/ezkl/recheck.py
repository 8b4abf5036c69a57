"""Compiling a model again to see whether a record's key really is that model's."""

import hashlib
import json
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from avow.circuits.comparison import Comparison, compare_model
from avow.circuits.errors import CircuitError
from avow.circuits.ezkl.child import Limits, run
from avow.circuits.ezkl.files import CIRCUIT, GRAPH, PK, SETTINGS, SOLIDITY, VK
from avow.circuits.ezkl.graph import graft
from avow.circuits.ezkl.record import instances_layout, output_specs
from avow.circuits.ezkl.settings import regenerated
from avow.circuits.ezkl.solidity import compile_verifier
from avow.circuits.ezkl.witness import Circuit, answer
from avow.circuits.files import read_file, sha256_file, write_file
from avow.circuits.srs import inspect
from avow.models.load import Model
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.records import ModelRecord, SystemRecord
from avow.verifier.systems.ezkl.layout import encode_layout
from avow.verifier.systems.ezkl.material import key_digest, parse_details, program_digest
from avow.verifier.systems.ezkl.settings import parse_settings
from avow.verifier.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: a model's ONNX file against a record and the settings behind its key."""

    model: Model
    model_record: ModelRecord
    record: SystemRecord
    settings: bytes
    srs: Path
    solc: Path | None


def recheck(
    subject: Subject, limits: Limits, report: Callable[[str], None]
) -> tuple[Comparison, ...]:
    """Graft, compile and set up again, and compare every digest that the record holds.

    When all comparisons are equal, the record's key and program were computed from this ONNX
    file, and a proof under them is a proof about it, in the integers that the record's settings
    choose: how near those come to the float model is the fidelity, which is not measured. The EVM
    verifier is compared where the record names one and `solc` is given. Raises `CircuitError` when
    nothing can be compared.
    """
    record, model = subject.record, subject.model_record
    try:
        settings = parse_settings(subject.settings)
        details = parse_details(record)
        layout = instances_layout(settings, model)
    except VerificationError as error:
        raise CircuitError(f"the record cannot be checked: {error.message}") from error
    srs = inspect(subject.srs)
    if srs.logrows < settings.logrows:
        raise CircuitError(
            f"this circuit needs an SRS of 2^{settings.logrows} powers, {srs.path.name} has "
            f"2^{srs.logrows}"
        )
    found = compare_model(subject.model, model, record, srs.digest)
    with tempfile.TemporaryDirectory(prefix="avow-check-") as name:
        folder = Path(name)
        report("grafting the graph")
        write_file(
            folder / GRAPH, graft(subject.model.data, model.inputs, settings.input_visibility)
        )
        graph_sha256 = sha256_file(folder / GRAPH)
        found.append(
            Comparison("graph SHA-256", to_hex(details.graph_sha256), to_hex(graph_sha256))
        )

        report("writing the settings again")
        again = regenerated(subject.settings, folder / GRAPH, folder, limits)
        found.append(Comparison("settings", _name(subject.settings), _name(again)))
        write_file(folder / SETTINGS, again)

        report("making the keys again")
        _make_keys(folder, srs.path, limits)
        vk = read_file(folder / VK, 2**28)
        found.append(Comparison("key", to_hex(record.key), to_hex(key_digest(vk, again))))

        weights = ZERO_WORD
        if record.weight_visibility.value == "hashed":
            report("hashing the weights")
            weights = _weights_hash(subject, folder, limits)
            found.append(Comparison("weights hash", to_hex(details.weights_hash), to_hex(weights)))
        program = program_digest(again, graph_sha256, weights, details.proof_bytes, layout)
        found.append(Comparison("layout", to_hex(details.layout), to_hex(encode_layout(layout))))
        found.append(Comparison("program", to_hex(record.program), to_hex(program)))
        if record.evm_codehash is not None:
            codehash = None
            if subject.solc is not None:
                report("compiling the EVM verifier again")
                codehash = to_hex(_codehash(folder, srs.path, subject.solc, limits))
            found.append(
                Comparison("EVM verifier's codehash", to_hex(record.evm_codehash), codehash)
            )
    return tuple(found)


def _make_keys(folder: Path, srs: Path, limits: Limits) -> None:
    paths = {
        "model": str(folder / GRAPH),
        "circuit": str(folder / CIRCUIT),
        "settings": str(folder / SETTINGS),
        "vk": str(folder / VK),
        "pk": str(folder / PK),
        "srs": str(srs.absolute()),
    }
    run("compile_circuit", paths, limits)
    run("setup", paths, limits)


def _weights_hash(subject: Subject, folder: Path, limits: Limits) -> bytes:
    settings = parse_settings(subject.settings)
    circuit = Circuit(
        circuit=folder / CIRCUIT,
        pk=folder / PK,
        srs=subject.srs,
        input=settings.input_visibility,
        inputs=subject.model_record.inputs,
        outputs=output_specs(subject.model_record, settings),
    )
    # Any input does, since the hash is of the weights alone; zero is nearest to every range.
    inputs = []
    for spec in subject.model_record.inputs:
        value = min(max(0, spec.minimum), spec.maximum)
        inputs.append(Tensor(spec.element_type, spec.shape, (value,) * math.prod(spec.shape)))
    found = answer(circuit, inputs, ZERO_WORD, limits).weights_hash
    if found is None:
        raise CircuitError("the circuit hashes no weights")
    return found.to_bytes(32, "big")


def _codehash(folder: Path, srs: Path, solc: Path, limits: Limits) -> bytes:
    paths = {
        "vk": str(folder / VK),
        "settings": str(folder / SETTINGS),
        "sol": str(folder / SOLIDITY),
        "abi": str(folder / "verifier.abi"),
        "srs": str(srs.absolute()),
    }
    run("evm_verifier", paths, limits)
    return compile_verifier(folder / SOLIDITY, solc).codehash


def _name(settings: bytes) -> str:
    value = json.loads(settings)
    digest = hashlib.sha256(settings).hexdigest()
    return f"{value['num_rows']} rows, sha256 {digest}"
