"""Taking in somebody's model: parse, derive its record, check its data, store it."""

from dataclasses import dataclass
from pathlib import Path

from avow.models.data import parse_rows
from avow.models.errors import ModelError
from avow.models.files import read_bounded
from avow.models.infer import Evaluation, Preview, evaluate
from avow.models.limits import LIMITS
from avow.models.load import load_model
from avow.models.schema import Identity, Range, check_rows, derive_record
from avow.models.store import ModelStore, StoredModel


@dataclass(frozen=True, slots=True)
class Intake:
    """What came of taking a model in; `evaluation` where held-out rows carry labels."""

    stored: StoredModel
    evaluation: Evaluation | None
    batch_fixed: bool


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a model and the declarations that calibration cannot know."""

    onnx: Path
    calibration: Path
    held_out: Path | None
    ranges: tuple[Range, ...]
    scale: int | None


def take_in(store: ModelStore, source: Source, identity: Identity) -> Intake:
    """Store a model after everything about it was checked; raises `ModelError`.

    Establishes: the graph is supported and runs, the data fit it and the declared ranges,
    and no held-out row is a calibration row.
    """
    model = load_model(source.onnx)
    calibration_bytes = read_bounded(source.calibration, LIMITS.data_file_bytes, "calibration")
    calibration = parse_rows(calibration_bytes, model.inputs, source.calibration.name)
    record = derive_record(model, calibration, identity, source.ranges, source.scale)
    check_rows(record, calibration, source.calibration.name)
    Preview(model).run(tuple(array[0] for array in calibration.inputs))
    held_out_bytes, evaluation = None, None
    if source.held_out is not None:
        held_out_bytes = read_bounded(source.held_out, LIMITS.data_file_bytes, "held-out")
        held_out = parse_rows(held_out_bytes, model.inputs, source.held_out.name)
        check_rows(record, held_out, source.held_out.name)
        shared = calibration.keys() & held_out.keys()
        if shared:
            raise ModelError(
                f"{source.held_out.name}: {len(shared)} rows also appear in "
                f"{source.calibration.name}; held-out rows must be others"
            )
        if held_out.labels is not None:
            evaluation = evaluate(model, held_out)
    stored = store.add(record, model.data, calibration_bytes, held_out_bytes)
    return Intake(stored, evaluation, model.batch_fixed)
