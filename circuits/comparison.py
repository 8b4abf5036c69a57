"""What checking a key against its model compares, one line each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from avow.verifier.fields import to_hex
from avow.verifier.records import ModelRecord, OutputShape, SystemRecord
from avow.verifier.tensor import TensorSpec

if TYPE_CHECKING:
    from avow.models.load import Model, Port


@dataclass(frozen=True, slots=True)
class Comparison:
    """One thing recomputed: what the record says and what came out; None: not recomputed."""

    what: str
    recorded: str
    found: str | None

    @property
    def equal(self) -> bool:
        """Whether the recomputed value is the recorded one."""
        return self.recorded == self.found


def compare_model(
    model: "Model", model_record: ModelRecord, record: SystemRecord, srs_digest: bytes | None
) -> list[Comparison]:
    """What every system compares before anything is compiled; None: it needs no string."""
    recorded_srs = to_hex(record.srs.digest) if record.srs else ""
    found = [
        Comparison("ONNX SHA-256", to_hex(model_record.onnx_sha256), to_hex(model.sha256)),
        Comparison("model digest", to_hex(record.model), to_hex(model_record.digest())),
    ]
    if srs_digest is not None or record.srs is not None:
        shown = "none" if srs_digest is None else to_hex(srs_digest)
        found.append(Comparison("SRS digest", recorded_srs, shown))
    # No digest tells whether the record calls and shapes the tensors as the graph does.
    for what, recorded, ports in (
        ("inputs", model_record.inputs, model.inputs),
        ("outputs", model_record.outputs, model.outputs),
    ):
        found.append(Comparison(what, _tensors(recorded), _tensors(ports)))
    return found


def described(specs: Sequence[TensorSpec]) -> str:
    """Tensors' schemas in full, for comparing."""
    return ", ".join(
        f"{one.name!r} {one.element_type.value} {list(one.shape)} scale {one.scale} "
        f"in [{one.minimum}, {one.maximum}]"
        for one in specs
    )


def _tensors(described: "Sequence[TensorSpec] | Sequence[OutputShape] | Sequence[Port]") -> str:
    return ", ".join(f"{one.name!r} {list(one.shape)}" for one in described)
