"""Compiling a split model: the first part for `ezkl/v1` with hidden weights, the rest to claim."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avow.circuits.artifact import Artifact
from avow.circuits.errors import CircuitError
from avow.circuits.ezkl.artifact import EzklArtifact
from avow.circuits.ezkl.child import Limits
from avow.circuits.ezkl.compile import Options as EzklOptions
from avow.circuits.ezkl.compile import Source
from avow.circuits.ezkl.compile import compile_model as compile_ezkl
from avow.circuits.ezkl.measure import HELD_OUT_ROWS, spread
from avow.circuits.ezkl.settings import Target, Wishes
from avow.circuits.ezkl.witness import Circuit, answer_rows
from avow.circuits.optimistic.compile import WINDOW_SECONDS
from avow.circuits.optimistic.compile import Options as OptimisticOptions
from avow.circuits.optimistic.compile import compile_model as compile_optimistic
from avow.circuits.srs_choice import Srs
from avow.models.data import Rows
from avow.models.fidelity import measure
from avow.models.program.fast import FastExecutor
from avow.models.program.files import load_program
from avow.models.schema import quantise_row
from avow.models.split import check_composition, split
from avow.models.split_intake import take_in_first, take_in_second
from avow.models.store import ModelStore, StoredModel
from avow.verifier.errors import VerificationError
from avow.verifier.mixed.split_record import Between, Part, SplitRecord
from avow.verifier.records import Fidelity, InputVisibility, WeightVisibility
from avow.verifier.tensor import Tensor

Report = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How to compile both parts.

    `input` is the first part's visibility, `scale` its fractional bits (None: calibrated), `bits`
    the width of the second part's program (None: the cheapest that keeps fidelity), `window` for
    how many seconds its claims may be challenged, `bounds` the real values of the tensor between
    that it must take (None: what calibration shows and a quarter more). `names_whole`: the record
    holds the SHA-256 of the whole ONNX file.
    """

    srs: Srs
    limits: Limits
    input: InputVisibility = InputVisibility.PUBLIC
    scale: int | None = None
    bits: int | None = None
    window: int = WINDOW_SECONDS
    bounds: tuple[float, float] | None = None
    names_whole: bool = True


@dataclass(frozen=True, slots=True)
class Made:
    """Both artifacts and the record that binds them."""

    record: SplitRecord
    first: EzklArtifact
    second: Artifact


def compile_split(
    whole: StoredModel, tensor: str, options: Options, home: Path, artifacts: Path, report: Report
) -> Made:
    """Cut a stored model at `tensor`, compile both parts and measure them one after the other.

    The second part takes the integers of the first part's circuit as they are, in their type and
    at their scale, so that nothing is rounded between the parts. Raises `ModelError` and
    `CircuitError`.
    """
    model, store = whole.model(), ModelStore.at(home)
    parts = split(model, tensor)
    difference = check_composition(model, parts, whole.calibration())
    report("split", f"both parts together differ from the whole by at most {difference:g}")

    stored = take_in_first(store, whole, parts)
    source = Source(stored.record, parts.first, stored.calibration(), stored.held_out())
    wishes = Wishes(options.input, WeightVisibility.HASHED, Target.RESOURCES, options.scale)
    first = compile_ezkl(
        source,
        EzklOptions(wishes, options.srs, None, options.limits),
        artifacts,
        lambda step, what: report(f"first part, {step}", what),
    )
    (given,) = first.record.outputs

    rest = take_in_second(store, whole, parts, given, options.bounds)
    made = compile_optimistic(
        rest,
        home,
        OptimisticOptions(options.bits, options.window),
        artifacts,
        lambda step, what: report(f"second part, {step}", what),
    )
    fidelity = _composed_fidelity(whole, first, made.artifact, options.limits)
    record = SplitRecord(
        between=Between.of(given),
        first=Part(first.record.model, first.record.digest()),
        second=Part(made.artifact.record.model, made.artifact.record.digest()),
        whole=whole.record.onnx_sha256 if options.names_whole else None,
        fidelity=fidelity,
    )
    return Made(record, first, made.artifact)


def _composed_fidelity(
    whole: StoredModel, first: EzklArtifact, second: Artifact, limits: Limits
) -> Fidelity | None:
    """The circuit's own integers through the second part's program, against the float model.

    On at most 1,024 held-out rows, evenly chosen; None where there are none.
    """
    held_out = whole.held_out()
    if held_out is None:
        return None
    chosen = list(spread(len(held_out), HELD_OUT_ROWS))
    labels = None if held_out.labels is None else held_out.labels[chosen]
    rows = Rows(tuple(array[chosen] for array in held_out.inputs), labels)
    inputs = [quantise_row(first.model, rows, at) for at in range(len(rows))]
    found = answer_rows(Circuit.of(first), inputs, limits)
    between = [row[0].values for row in found if row is not None]
    if len(between) != len(rows):
        raise CircuitError(
            f"{len(rows) - len(between)} of {len(rows)} held-out rows outgrow the first part's "
            "integers; choose a smaller --input-scale or a narrower input range"
        )
    (spec,), outputs = second.model.inputs, second.record.outputs
    program, blobs = load_program(second.folder, second.record.program)
    integers = np.array(between, np.int64).reshape(len(rows), *spec.shape)
    try:
        arrays = FastExecutor(program, blobs, threads=1).run([integers])
    except VerificationError as error:
        raise CircuitError(
            f"the second part cannot take what the first gives: {error.message}; "
            "declare another range with --range LO:HI"
        ) from error
    answers = [
        tuple(
            Tensor(out.element_type, out.shape, tuple(map(int, array[at].reshape(-1))))
            for out, array in zip(outputs, arrays, strict=True)
        )
        for at in range(len(rows))
    ]
    return measure(whole.model(), rows, answers, outputs)
