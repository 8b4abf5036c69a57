"""From ONNX bytes and calibration rows to a program: the same bytes in, the same program out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from avow.models.compiler.builder import Limit
from avow.models.compiler.fidelity import Fidelity, measure, wanted_task
from avow.models.compiler.graph import parse_graph
from avow.models.compiler.measure import Floats, layer_errors
from avow.models.compiler.options import CALIBRATION_ROWS, PRECISIONS, Options
from avow.models.compiler.report import describe
from avow.models.compiler.simplify import simplify
from avow.models.compiler.translate import (
    Built,
    Rows,
    build,
    build_again,
    match_specs,
    quantise_rows,
)
from avow.models.program.intervals import check
from avow.verifier.program.blob import Blob
from avow.verifier.program.intervals import Interval
from avow.verifier.program.program import Program
from avow.verifier.tensor import TensorSpec

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A program, its blobs, the interval of every tensor and a report that JSON can hold.

    `limits` say where values saturate and `errors` bound each tensor's error where none does.
    """

    program: Program
    blobs: tuple[Blob, ...]
    intervals: tuple[Interval, ...]
    report: dict[str, Any]
    limits: tuple[Limit, ...]
    errors: tuple[float, ...]


def compile_again(
    onnx_bytes: bytes, inputs: tuple[TensorSpec, ...], bits: int, observed: tuple[int, ...]
) -> Built:
    """The program that an earlier compilation made, from the ONNX file without calibration rows.

    `bits` and `observed` are those of its report. Whatever they are, the program is made of this
    file's weights; they only choose ranges and scales. Raises `ModelError`.
    """
    Options(bits)
    graph = parse_graph(onnx_bytes)
    return build_again(simplify(graph), match_specs(graph, inputs), observed, bits)


def compile_model(
    onnx_bytes: bytes,
    calibration: Rows,
    options: Options,
    heldout: Rows | None = None,
    on_progress: Progress | None = None,
) -> Compiled:
    """Compile a model; raises one `ModelError` that names everything unsupported.

    `calibration` and `heldout` map each input to reals (rows, *shape); `heldout` may also hold
    `labels`, which only tell classes from numbers. Without `options.bits` the cheapest
    precision is taken that keeps the promise of `fidelity`, measured on `heldout`.
    """
    tell = on_progress or (lambda _: None)
    graph = parse_graph(onnx_bytes)
    specs = match_specs(graph, options.inputs)
    batch = quantise_rows(graph, specs, calibration, "calibration", CALIBRATION_ROWS)
    floats = Floats(onnx_bytes, graph)
    simplified = simplify(graph)
    task = wanted_task(options.task, heldout)
    tried: list[Fidelity] = []
    for bits in PRECISIONS if options.bits is None else (options.bits,):
        tell(f"compiling at {bits} bits")
        built = build(simplified, specs, batch, bits)
        if heldout is not None:
            tell(f"measuring {bits} bits on the held-out rows")
            rows = quantise_rows(graph, specs, heldout, "held-out")
            tried.append(measure(built.program, built.blobs, rows, floats, heldout, task, bits))
            if tried[-1].kept:
                break
    report = describe(built.program, built.blobs, built.builder, options.bits, tried)
    sample = batch if heldout is None else quantise_rows(graph, specs, heldout, "held-out", 64)
    source = calibration if heldout is None else heldout
    report["layers_measured_on"] = "calibration" if heldout is None else "held-out"
    tell("measuring each layer")
    layer_errors(
        report, built.program, built.blobs, built.builder, built.names, sample, floats, source
    )
    intervals = tuple(check(built.program, built.blobs))
    limits, errors = tuple(built.builder.limits), tuple(built.builder.errors)
    return Compiled(built.program, built.blobs, intervals, report, limits, errors)
