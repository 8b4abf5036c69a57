"""Compiling a model again to see whether a record of `tee/v1` is really of it."""

from collections.abc import Callable

from avow.circuits.comparison import Comparison, compare_model, described
from avow.circuits.details import observed
from avow.models.compiler.compile import compile_again
from avow.models.errors import ModelError
from avow.models.load import Model
from avow.models.program.intervals import check
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.program.program import output_specs
from avow.verifier.records import ModelRecord, SystemRecord
from avow.verifier.systems.tee.registration import record_key


def recheck(
    model: Model, model_record: ModelRecord, record: SystemRecord, report: Callable[[str], None]
) -> tuple[Comparison, ...]:
    """Make the program again from the ONNX file, and compare every digest.

    When all are equal, the record's program is this file's graph with this file's weights, at the
    precision and in the ranges that the record states. Whose software the measurements are is not
    asked. Raises `CircuitError` when nothing can be compared.
    """
    bits, answers = observed(record)
    found = compare_model(model, model_record, record, None)
    report("compiling the program again")
    try:
        built = compile_again(model.data, model_record.inputs, bits, answers)
        specs = output_specs(built.program, check(built.program, built.blobs))
    except (ModelError, VerificationError) as error:
        # As it is when the record is of another model: then this one's program is none like it.
        found.append(Comparison("program", to_hex(record.program), f"none: {error}"))
        return tuple(found)
    program = built.program.digest()
    key = record_key(program, specs, record.measurements)
    found.append(Comparison("program", to_hex(record.program), to_hex(program)))
    found.append(Comparison("key", to_hex(record.key), to_hex(key)))
    found.append(Comparison("answers", described(record.outputs), described(specs)))
    return tuple(found)
