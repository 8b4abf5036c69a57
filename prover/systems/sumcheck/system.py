"""The proving half of `sumcheck/v1` as jobs use it: all work in a child process that is kept."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from avow.circuits.sumcheck.files import KEY
from avow.prover.catalogue import Compiled
from avow.prover.errors import Refused
from avow.prover.systems.sumcheck.child import Workshop
from avow.prover.systems.system import Answer, Limits, OneAtATime, Proof, Tick
from avow.verifier import canonical
from avow.verifier.commitment import commit_public
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_base64
from avow.verifier.limits import LIMITS
from avow.verifier.systems.sumcheck.key import PROOF_FORMAT
from avow.verifier.tensor import Tensor, parse_tensor


@dataclass(frozen=True, slots=True)
class Made:
    """A proof's bytes, the outputs that it speaks of, and what it took.

    `load_seconds` is the time to make the artifact ready, almost nothing where it was;
    `stage_seconds` has one entry for each stage; `peak_rss_bytes` is the child's, for this proof.
    """

    outputs: tuple[Tensor, ...]
    proof: bytes
    load_seconds: float
    stage_seconds: dict[str, float]
    peak_rss_bytes: int


class SumcheckProver(OneAtATime):
    """Answers and proves with artifacts that `avow compile --system sumcheck` made."""

    def __init__(self) -> None:
        self._workshop = Workshop()

    def answer(
        self, compiled: Compiled, inputs: Sequence[Tensor], salt: bytes, limits: Limits, tick: Tick
    ) -> Answer:
        """The exact program's own output; the input is public, so that nothing is salted."""
        reply = self._workshop.run(_request("answer", compiled, inputs), limits, tick)
        return Answer(_outputs(reply), commit_public(inputs))

    def prove(
        self,
        compiled: Compiled,
        inputs: Sequence[Tensor],
        salt: bytes,
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> Proof:
        """A proof bound to `root`, unchecked: the caller checks the bundle as anybody would."""
        made = self.make(compiled, inputs, root, limits, tick)
        return Proof(made.outputs, proof_json(made.proof), key_json(compiled))

    def make(
        self, compiled: Compiled, inputs: Sequence[Tensor], root: bytes, limits: Limits, tick: Tick
    ) -> Made:
        """The proof with what it took, for those who measure."""
        request = _request("prove", compiled, inputs) | {"root": root.hex()}
        reply = self._workshop.run(request, limits, tick)
        return Made(
            outputs=_outputs(reply),
            proof=b64decode(reply["proof"]),
            load_seconds=reply["load_seconds"],
            stage_seconds=reply["stage_seconds"],
            peak_rss_bytes=reply["peak_rss_bytes"],
        )

    def close(self) -> None:
        """End the child, if there is one."""
        self._workshop.close()


def proof_json(proof: bytes) -> canonical.Json:
    """A proof's bytes as a bundle holds them, for one run."""
    return {"format": PROOF_FORMAT, "batch": 1, "data": to_base64(proof)}


def key_json(compiled: Compiled) -> canonical.Json:
    """The artifact's key, which is a bundle's material."""
    try:
        with (compiled.folder / KEY).open("rb") as stream:
            data = stream.read(LIMITS.bundle_bytes + 1)
        return canonical.parse(data, LIMITS.bundle_bytes, KEY)
    except OSError as error:
        raise Refused(f"the artifact's {KEY} cannot be read: {error.strerror}") from error
    except VerificationError as error:
        raise Refused(f"the artifact's {KEY} is damaged: {error.message}") from error


def _request(do: str, compiled: Compiled, inputs: Sequence[Tensor]) -> dict[str, Any]:
    return {
        "do": do,
        "folder": str(compiled.folder.absolute()),
        "inputs": [tensor.to_json() for tensor in inputs],
    }


def _outputs(reply: dict[str, Any]) -> tuple[Tensor, ...]:
    return tuple(parse_tensor(item) for item in reply["outputs"])
