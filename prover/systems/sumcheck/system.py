"""The proving half of `sumcheck/v1` as jobs use it: all work in a child process that is kept."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from avow.circuits.artifact import load_artifact
from avow.circuits.errors import CircuitError
from avow.circuits.sumcheck.artifact import load
from avow.circuits.sumcheck.cost import predict, survey
from avow.circuits.sumcheck.files import KEY
from avow.prover.catalogue import Compiled
from avow.prover.errors import Refused
from avow.prover.systems.sumcheck.child import Workshop
from avow.prover.systems.system import Answer, Limits, Proof, Tick
from avow.verifier import canonical
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_base64, to_hex
from avow.verifier.limits import LIMITS
from avow.verifier.relation.views import bits
from avow.verifier.systems.sumcheck.key import PROOF_FORMAT
from avow.verifier.tensor import Tensor, parse_tensor
from avow.verifier.trace.inputs import commit_input


@dataclass(frozen=True, slots=True)
class Made:
    """A proof's bytes, the outputs of every sample, and what it took.

    `openings` has for each sample of a batch what makes the proof its own; alone it needs none.
    `load_seconds` is the time to make the artifact ready, almost nothing where it was;
    `stage_seconds` has one entry for each stage; `peak_rss_bytes` is the child's, for this proof.
    """

    outputs: tuple[tuple[Tensor, ...], ...]
    proof: bytes
    openings: tuple[bytes, ...]
    load_seconds: float
    stage_seconds: dict[str, float]
    peak_rss_bytes: int


class SumcheckProver:
    """Answers and proves with artifacts that `avow compile --system sumcheck` made."""

    def __init__(self) -> None:
        self._workshop = Workshop()

    def answer(
        self, compiled: Compiled, inputs: Sequence[Tensor], salt: bytes, limits: Limits, tick: Tick
    ) -> Answer:
        """The exact program's own output; the input is public, so that nothing is salted."""
        reply = self._workshop.run(_request("answer", compiled, [inputs]), limits, tick)
        return Answer(_outputs(reply)[0], commit_input(inputs), reply["provider"])

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
        (proof,) = self.prove_batch(compiled, [inputs], root, limits, tick)
        return proof

    def batch_sizes(self, compiled: Compiled) -> tuple[int, ...]:
        """Powers of two, up to the batch that the artifact was compiled for."""
        return tuple(_memory(compiled.folder.absolute()))

    def batch_memory(self, compiled: Compiled, size: int) -> int:
        """What the cost model says of such a batch; of one sample, what the record says."""
        if size == 1:
            return compiled.record.proving_memory_bytes
        return _memory(compiled.folder.absolute())[size]

    def prove_batch(
        self,
        compiled: Compiled,
        inputs: Sequence[Sequence[Tensor]],
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> list[Proof]:
        """One proof of all samples; each sample's bundle gets what opens it at its place."""
        made = self.make(compiled, inputs, root, limits, tick)
        material = key_json(compiled)
        openings = made.openings or (b"",) * len(inputs)
        return [
            Proof(
                outputs,
                proof_json(made.proof, len(inputs), opening),
                material,
                made.peak_rss_bytes,
            )
            for outputs, opening in zip(made.outputs, openings, strict=True)
        ]

    def make(
        self,
        compiled: Compiled,
        inputs: Sequence[Sequence[Tensor]],
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> Made:
        """The proof of all samples with what it took, for those who measure."""
        request = _request("prove", compiled, inputs) | {"root": root.hex()}
        reply = self._workshop.run(request, limits, tick)
        return Made(
            outputs=_outputs(reply),
            proof=b64decode(reply["proof"]),
            openings=tuple(map(bytes.fromhex, reply["openings"])),
            load_seconds=reply["load_seconds"],
            stage_seconds=reply["stage_seconds"],
            peak_rss_bytes=reply["peak_rss_bytes"],
        )

    def close(self) -> None:
        """End the child, if there is one."""
        self._workshop.close()


def proof_json(proof: bytes, batch: int = 1, opening: bytes = b"") -> canonical.Json:
    """A proof's bytes as a bundle holds them, in a batch with what opens its own sample."""
    value: dict[str, canonical.Json] = {
        "format": PROOF_FORMAT,
        "batch": batch,
        "data": to_base64(proof),
    }
    if batch > 1:
        value["opening"] = to_hex(opening)
    return value


@lru_cache(maxsize=8)
def _memory(folder: Path) -> dict[int, int]:
    """The predicted bytes of a proof, by the sizes of batch that an artifact can prove."""
    try:
        loaded = load(load_artifact(folder))
    except CircuitError as error:
        raise Refused(str(error)) from error
    key, found = loaded.key, {}
    for doublings in range(bits(loaded.largest_batch) + 1):
        try:
            cost = predict(survey(key.relation(2**doublings), key.width), key.logrows)
        except VerificationError:
            break
        if cost is None:
            break
        found[2**doublings] = cost.memory_bytes
    return found


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


def _request(do: str, compiled: Compiled, inputs: Sequence[Sequence[Tensor]]) -> dict[str, Any]:
    return {
        "do": do,
        "folder": str(compiled.folder.absolute()),
        "samples": [[tensor.to_json() for tensor in sample] for sample in inputs],
    }


def _outputs(reply: dict[str, Any]) -> tuple[tuple[Tensor, ...], ...]:
    return tuple(tuple(map(parse_tensor, sample)) for sample in reply["outputs"])
