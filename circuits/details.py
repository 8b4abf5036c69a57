"""What a program's compilation reported, in the words of a system record."""

from typing import Any

from avow.circuits.errors import CircuitError
from avow.models.figures import NO_CLASSES, recorded
from avow.verifier.errors import VerificationError
from avow.verifier.limits import LIMITS
from avow.verifier.records import Fidelity, SystemRecord

BITS = "bits"
OBSERVED = "observed"


def fidelity(report: dict[str, Any]) -> Fidelity:
    """What the program's compilation measured on the held-out rows."""
    found = report["fidelity"]
    if found is None:
        return Fidelity(0, NO_CLASSES, NO_CLASSES, NO_CLASSES)
    return recorded(found["rows"], found["agreement"], found["max_error"], found["mean_error"])


def observed(record: SystemRecord) -> tuple[int, tuple[int, ...]]:
    """The precision and what calibration showed, by which a program is compiled again.

    Raises `CircuitError` where the record does not say.
    """
    try:
        bits, text = int(record.detail(BITS)), record.detail(OBSERVED)
        return bits, tuple(int(item) for item in text.split(",")) if text else ()
    except VerificationError as error:
        raise CircuitError(f"the record cannot be checked: {error.message}") from error
    except ValueError as error:
        raise CircuitError("the record cannot be checked: its details hold no integers") from error


def making(report: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The details that serve those who compile the model again."""
    text = ",".join(map(str, report["observed"]))
    if len(text) > LIMITS.text_characters:
        # Of programs of thousands of operations; then the check from the ONNX file says so.
        return ((BITS, str(report["bits"])),)
    return ((BITS, str(report["bits"])), (OBSERVED, text))
