"""What claiming a run takes, and what checking it takes, before anything is compiled."""

from collections.abc import Sequence

from avow.circuits.errors import CircuitError
from avow.circuits.forecast import Forecast
from avow.circuits.optimistic.compile import WINDOW_SECONDS, draft
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program
from avow.verifier.systems.optimistic.claim import SYSTEM_ID
from avow.verifier.systems.optimistic.effort import MOST_TERMS, run_terms

_FINALITY = f"when nobody refuted it for {WINDOW_SECONDS} s, or the window chosen when compiling"
# Of a plain verifier that recomputes everything, on the reference machine.
_SECONDS_PER_TERM = 9e-6


def forecast(program: Program, blobs: Sequence[Blob]) -> Forecast:
    """Predict a claim: what a bundle holds beside the statement, and seconds of the verifier.

    The seconds of a run are those of the program itself and are not predicted.
    """
    terms = run_terms(program)
    try:
        made = draft(program, list(blobs))
    except CircuitError as error:
        return _forecast(missing=str(error))
    tensors = sum(descriptor.result.size for descriptor in made.key.descriptors)
    material = len(program.encode()) + sum(len(blob.data) for blob in blobs)
    sampled = terms > MOST_TERMS
    return _forecast(
        setup=f"no keys; {made.heaviest.gas:,} gas at most to refute one element",
        verify_seconds=None if sampled else terms * _SECONDS_PER_TERM,
        proof_bytes=(tensors + material + 2) // 3 * 4,
        beyond="too long to recompute whole: a verifier samples" if sampled else None,
    )


def _forecast(
    setup: str = "",
    verify_seconds: float | None = None,
    proof_bytes: int | None = None,
    beyond: str | None = None,
    missing: str | None = None,
) -> Forecast:
    return Forecast(
        system=SYSTEM_ID,
        optimize=None,
        batch=1,
        hides="nothing",
        finality=_FINALITY,
        setup=setup,
        verify_seconds=verify_seconds,
        proof_bytes=proof_bytes,
        beyond=beyond,
        missing=missing,
    )
