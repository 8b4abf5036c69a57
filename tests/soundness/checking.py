"""The verifier as soundness tests ask it: all samples of a proof at once."""

from collections.abc import Sequence

from avow.verifier.systems.sumcheck.check import Sample, check_proof
from avow.verifier.systems.sumcheck.key import Key
from avow.verifier.tensor import Tensor


class Bytes(bytes):
    """A proof with what opens its shared polynomial for each sample of a batch."""

    openings: tuple[bytes, ...] = ()


def check_all(
    key: Key,
    root: bytes,
    inputs: Sequence[Sequence[Tensor]],
    outputs: Sequence[Sequence[Tensor]],
    proof: bytes,
    openings: Sequence[bytes] | None = None,
) -> None:
    """Check every sample; openings are the proof's own unless others are given."""
    if openings is None:
        openings = proof.openings if isinstance(proof, Bytes) else ()
    if len(inputs) == 1:
        openings = (b"",)
    if not len(openings) == len(outputs) == len(inputs):
        raise TypeError(f"{len(openings)} openings of {len(inputs)} samples")
    samples = [
        Sample(given, answered, index, opening)
        for index, (given, answered, opening) in enumerate(
            zip(inputs, outputs, openings, strict=True)
        )
    ]
    check_proof(key, root, len(samples), samples, proof)
