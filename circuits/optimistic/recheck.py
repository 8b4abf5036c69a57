"""Compiling a model again to see whether a record's key really is that model's."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from avow.circuits.comparison import Comparison, compare_model, described
from avow.circuits.details import observed
from avow.circuits.errors import CircuitError
from avow.circuits.optimistic.heaviest import heaviest_element
from avow.models.errors import ModelError
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.program.program import output_specs
from avow.verifier.records import ModelRecord, SystemRecord
from avow.verifier.trace.key import program_key

if TYPE_CHECKING:
    from avow.models.load import Model


def recheck(
    model: "Model", model_record: ModelRecord, record: SystemRecord, report: Callable[[str], None]
) -> tuple[Comparison, ...]:
    """Make program and key again from the ONNX file, and compare every digest.

    When all are equal, the record's program is this file's graph with this file's weights, at the
    precision and in the ranges that the record states, and each of its elements can be refuted:
    the owner of a record need not have asked. Raises `CircuitError` when nothing can be compared.
    """
    # A node that no claim has reached yet needs no compiler.
    from avow.models.compiler.compile import compile_again

    bits, answers = observed(record)
    found = compare_model(model, model_record, record, None)
    report("compiling the program again")
    try:
        built = compile_again(model.data, model_record.inputs, bits, answers)
        key = program_key(built.program, built.blobs)
        specs = output_specs(built.program, key.intervals)
    except (ModelError, VerificationError) as error:
        # As it is when the record is of another model: then this one's program is none like it.
        found.append(Comparison("program", to_hex(record.program), f"none: {error}"))
        return tuple(found)
    found.append(Comparison("program", to_hex(record.program), to_hex(key.program)))
    found.append(Comparison("key", to_hex(record.key), to_hex(key.digest)))
    found.append(Comparison("answers", described(record.outputs), described(specs)))
    refutable = "yes"
    try:
        heaviest_element(key)
    except CircuitError as error:
        refutable = f"no: {error}"
    found.append(Comparison("every element can be refuted", "yes", refutable))
    return tuple(found)
