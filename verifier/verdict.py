"""The verdict: what was established, on which assumptions, and what was not checked."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from avow.verifier.canonical import Json
from avow.verifier.fields import to_hex
from avow.verifier.tensor import Tensor, TensorSpec


class Assurance(Enum):
    """How strongly the answer is established. The value is the wire name."""

    SIMULATED = "SIMULATED"
    ATTESTED = "ATTESTED"
    CHALLENGEABLE = "CHALLENGEABLE"
    SETTLED = "SETTLED"
    PROVEN = "PROVEN"

    @property
    def rank(self) -> int:
        """Position from weakest (0) to strongest."""
        return list(Assurance).index(self)


class Hides(Enum):
    """What the evidence keeps from its reader."""

    NONE = "none"
    INPUTS = "inputs"
    WEIGHTS = "weights"
    BOTH = "both"


class ModelBinding(Enum):
    """CHECKED: the caller recomputed the record from the ONNX file and lists it in the policy."""

    CHECKED = "CHECKED"
    NOT_CHECKED = "NOT CHECKED"


@dataclass(frozen=True, slots=True)
class Step:
    """One named verification step and what it established."""

    name: str
    established: str

    def to_json(self) -> Json:
        """{name, established}."""
        return {"name": self.name, "established": self.established}


@dataclass(frozen=True, slots=True)
class Verdict:
    """An accepted bundle. A refused one is a `VerificationError`; a verdict is never a bool.

    `final_at` is a Unix time in seconds for CHALLENGEABLE, else None. It is the claim's own word,
    or, where `final_at_by` says so, its chain's, by a proof of what the chain has stored.
    """

    assurance: Assurance
    final_at: int | None
    final_at_by: Literal["claim", "chain"]
    final: bool
    statement: bytes
    model_name: str
    model: bytes
    system: str
    outputs: tuple[Tensor, ...]
    output_specs: tuple[TensorSpec, ...]
    hides: Hides
    srs: bytes | None
    srs_name: str | None
    srs_safe: bool | None
    model_binding: ModelBinding
    records: str
    rests_on: tuple[str, ...]
    not_checked: tuple[str, ...]
    steps: tuple[Step, ...]

    def to_json(self) -> Json:
        """The verdict as a JSON object, for `--json` and the API."""
        value: dict[str, Json] = {
            "accepted": True,
            "assurance": self.assurance.value,
            "final": self.final,
            "statement": to_hex(self.statement),
            "model_name": self.model_name,
            "model": to_hex(self.model),
            "system": self.system,
            "outputs": [
                {
                    "name": spec.name,
                    "shape": list(tensor.shape),
                    "scale": spec.scale,
                    "integers": [str(value) for value in tensor.values],
                }
                for spec, tensor in zip(self.output_specs, self.outputs, strict=True)
            ],
            "hides": self.hides.value,
            "model_binding": self.model_binding.value,
            "records": self.records,
            "rests_on": list(self.rests_on),
            "not_checked": list(self.not_checked),
            "steps": [step.to_json() for step in self.steps],
        }
        if self.final_at is not None:
            value |= {"final_at": self.final_at, "final_at_by": self.final_at_by}
        if self.srs is not None:
            value["srs"] = {
                "digest": to_hex(self.srs),
                "name": self.srs_name or "unknown",
                "safe": bool(self.srs_safe),
            }
        return value
