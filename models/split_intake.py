"""Both parts of a split model as models of the store, each with data of its own."""

import io
from dataclasses import replace
from typing import Any

import numpy as np

from avow.models.data import LABELS, Rows
from avow.models.errors import ModelError
from avow.models.schema import Identity, Range, check_rows, derive_record
from avow.models.split import Parts, tensors_between
from avow.models.store import ModelStore, StoredModel
from avow.verifier.errors import VerificationError
from avow.verifier.records import ModelRecord, OutputShape, parse_model_record
from avow.verifier.tensor import TensorSpec


def take_in_first(store: ModelStore, whole: StoredModel, parts: Parts) -> StoredModel:
    """Store the first part: it takes what the whole takes and gives the tensor of the cut.

    Its rows are the whole's without labels, which are about another output. Raises `ModelError`.
    """
    record = replace(
        whole.record,
        name=f"{whole.record.name}-first",
        onnx_sha256=parts.first.sha256,
        outputs=(OutputShape(parts.port.name, parts.port.shape),),
    )
    names = [port.name for port in parts.first.inputs]
    held_out = whole.held_out()
    return store.add(
        _readable(record),
        parts.first.data,
        _packed(names, whole.calibration(), None),
        None if held_out is None else _packed(names, held_out, None),
    )


def take_in_second(
    store: ModelStore,
    whole: StoredModel,
    parts: Parts,
    given: TensorSpec,
    bounds: tuple[float, float] | None,
) -> StoredModel:
    """Store the second part, which takes the integers that `given` describes, unchanged.

    Its rows are what the first part gives in floating point on the whole's. `bounds` are the real
    values that it must be able to take, by default what calibration shows and 25 % more. Raises
    `ModelError`, also where such a value does not fit the integers of `given`.
    """
    calibration = _rows_between(whole.calibration(), parts)
    identity = Identity(
        f"{whole.record.name}-second",
        whole.record.version,
        whole.record.licence,
        whole.record.owner,
    )
    ranges = () if bounds is None else (Range(None, *bounds),)
    record = derive_record(parts.second, calibration, identity, ranges, given.scale)
    try:
        spec = replace(record.inputs[0], element_type=given.element_type)
    except VerificationError as error:
        raise ModelError(
            f"{parts.port.name!r} cannot hold the range of the second part: {error.message}"
        ) from error
    record = _readable(replace(record, inputs=(spec,)))
    check_rows(record, calibration, "calibration")
    held_out = whole.held_out()
    packed = None
    if held_out is not None:
        rows = _rows_between(held_out, parts)
        check_rows(record, rows, "held-out rows")
        packed = _packed(["x"], rows, held_out)
    return store.add(record, parts.second.data, _packed(["x"], calibration, None), packed)


def _rows_between(rows: Rows, parts: Parts) -> Rows:
    return Rows((tensors_between(parts, rows).astype(np.float64),), None)


def _readable(record: ModelRecord) -> ModelRecord:
    # The tensor's name was only a name inside a graph until now.
    try:
        record.digest()
        return parse_model_record(record.to_json())
    except VerificationError as error:
        raise ModelError(f"no valid record of a part: {error.message}") from error


def _packed(names: list[str], rows: Rows, labelled: Rows | None) -> bytes:
    """An npz file; the same rows give the same bytes."""
    arrays: dict[str, Any] = dict(zip(names, rows.inputs, strict=True))
    if labelled is not None and labelled.labels is not None:
        arrays[LABELS] = labelled.labels
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()
