"""Whether two bundles are about one answer to one request."""

from avow.verifier.bundle import Bundle
from avow.verifier.tensor import TensorSpec


def difference(first: Bundle, second: Bundle) -> str | None:
    """What the second bundle is about that the first is not; None when both say the same.

    Of inputs that both show the tensors are compared, since a salt makes another commitment of the
    same input; of an input that one of them hides only equal commitments are known to be equal.
    Outputs are compared with what their integers mean. Both bundles must have been verified.
    """
    one, other = first.statement, second.statement
    for name, what in (
        ("domain", "chain or market"),
        ("order", "order"),
        ("nonce", "nonce"),
        ("provider", "provider"),
        ("model", "model"),
        ("program", "program"),
    ):
        if getattr(one, name) != getattr(other, name):
            return f"another {what}"
    if one.input != other.input:
        if first.inputs is None or second.inputs is None:
            return "an input that cannot be compared (one is hidden, the commitments differ)"
        if first.inputs != second.inputs:
            return "another input"
    if one.output != other.output or first.outputs != second.outputs:
        return "another output"
    if _meaning(first.system.outputs) != _meaning(second.system.outputs):
        return "an output of another scale or type"
    return None


def _meaning(specs: tuple[TensorSpec, ...]) -> list[tuple[object, ...]]:
    return [(spec.name, spec.element_type, spec.shape, spec.scale) for spec in specs]
