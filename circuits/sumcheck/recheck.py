"""Compiling a model again to see whether a record's key really is that model's."""

from collections.abc import Callable
from dataclasses import dataclass

from avow.circuits.comparison import Comparison, compare_model, described
from avow.circuits.curve import Curve
from avow.circuits.details import observed
from avow.circuits.sumcheck.key import commit_rows, draft_key
from avow.circuits.sumcheck.record import contract_hash
from avow.models.compiler.compile import compile_again
from avow.models.errors import ModelError
from avow.models.load import Model
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.program.program import output_specs
from avow.verifier.records import ModelRecord, SystemRecord
from avow.verifier.srs import G2Coordinates, srs_digest
from avow.verifier.systems.sumcheck.key import Key


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: a model's ONNX file against a record and the key that it names.

    `powers` are 2^key.logrows powers of a tau in G1, as SRS files hold points, and `tau_g2` is
    that tau's; they come from the checker.
    """

    model: Model
    model_record: ModelRecord
    record: SystemRecord
    key: Key
    powers: bytes
    tau_g2: G2Coordinates


def recheck(
    subject: Subject, curve: Curve, report: Callable[[str], None]
) -> tuple[Comparison, ...]:
    """Make program and commitments again from the ONNX file, and compare every digest.

    The record says what calibration showed, so no calibration rows are needed. When all
    comparisons are equal, the record's key commits to this file's weights and its program is
    this file's graph, at the precision and in the ranges that the record states: how near that
    is to the float model is the fidelity, which is not measured. Raises `CircuitError` when
    nothing can be compared.
    """
    record, key = subject.record, subject.key
    bits, answers = observed(record)
    found = compare_model(subject.model, subject.model_record, record, srs_digest(subject.tau_g2))
    report("compiling the program again")
    try:
        built = compile_again(subject.model.data, subject.model_record.inputs, bits, answers)
        program = built.program
        draft = draft_key(program, built.blobs)
        relation = draft.relation(key.width, 1)
    except (ModelError, VerificationError) as error:
        # As it is when the record is of another model: then this one's program is none like it.
        found.append(Comparison("program", to_hex(record.program), f"none: {error}"))
        return tuple(found)
    found.append(Comparison("program", to_hex(record.program), to_hex(program.digest())))
    report("committing to the weights again")
    rows = commit_rows(relation, built.blobs, subject.powers, key.logrows, curve)
    again = draft.key(key.width, key.logrows, rows, subject.tau_g2, key.lookups)
    found.append(Comparison("key", to_hex(record.key), to_hex(again.digest())))
    if record.evm_codehash is not None:
        code = contract_hash(again)
        shown = "none: no contract can hold it" if code is None else to_hex(code)
        found.append(Comparison("contract's codehash", to_hex(record.evm_codehash), shown))
    specs = output_specs(program, again.bounds())
    found.append(Comparison("answers", described(record.outputs), described(specs)))
    return tuple(found)
