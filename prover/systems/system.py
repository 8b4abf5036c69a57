"""What the proving half of a proof system takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from avow.prover.catalogue import Compiled
from avow.prover.errors import Refused
from avow.verifier.canonical import Json
from avow.verifier.commitment import Commitment
from avow.verifier.statement import Statement
from avow.verifier.tensor import Tensor

# Called with a stage's name and its percentage, where known, at least twice a second while
# work goes on. When it raises, the work ends at once, its processes with it.
Tick = Callable[[str, int | None], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one step may use: seconds of wall clock and bytes of memory."""

    seconds: float
    memory: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The output of the proven program, and the commitment to the input that it can bind.

    `provider` is what ran the program: one of onnxruntime's execution providers, or a library.
    """

    outputs: tuple[Tensor, ...]
    input: Commitment
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof in the form of the system's bundle, and the outputs that it speaks of.

    `peak_memory` is the most bytes that its process held, None where nobody measured.
    """

    outputs: tuple[Tensor, ...]
    proof: Json
    material: Json
    peak_memory: int | None = None


class ProvingSystem(Protocol):
    """The proving half of one proof system; heavy or unsafe steps run in child processes.

    `answer`, `prove` and `prove_batch` raise `avow.prover.errors.Refused` when no attempt can
    succeed, `TryAgain` when a later one may, and pass on whatever `tick` raises.
    """

    def answer(
        self, compiled: Compiled, inputs: Sequence[Tensor], salt: bytes, limits: Limits, tick: Tick
    ) -> Answer:
        """Runs the proven program; `salt` (32 bytes) blinds a hidden input's commitment."""
        ...

    def prove(
        self,
        compiled: Compiled,
        inputs: Sequence[Tensor],
        salt: bytes,
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> Proof:
        """Proves the program's run on `inputs`, bound to the Merkle root of its statement."""
        ...

    def batch_sizes(self, compiled: Compiled) -> tuple[int, ...]:
        """How many samples one proof of this artifact can hold, ascending from 1."""
        ...

    def batch_memory(self, compiled: Compiled, size: int) -> int:
        """Predicted bytes of memory that a proof of `size` samples takes."""
        ...

    def prove_batch(
        self,
        compiled: Compiled,
        inputs: Sequence[Sequence[Tensor]],
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> list[Proof]:
        """One proof of the runs on all samples, in the form of each sample's own bundle.

        The number of samples is one of `batch_sizes`. `root` is that of the samples' statements
        in the same order; samples beyond the statements are padding.
        """
        ...


@runtime_checkable
class SigningSystem(Protocol):
    """A system whose proofs are signatures: whoever signs wants to see what is being said.

    Such a system is asked by `sign` and never by `prove` or `prove_batch`.
    """

    def sign(
        self,
        compiled: Compiled,
        inputs: Sequence[Sequence[Tensor]],
        statements: Sequence[Statement],
        limits: Limits,
        tick: Tick,
    ) -> list[Proof]:
        """One signature under the root of `statements`, in the form of each one's own bundle."""
        ...


class OneAtATime:
    """The batches of a system whose proofs hold one sample."""

    def batch_sizes(self, compiled: Compiled) -> tuple[int, ...]:
        """One alone."""
        return (1,)

    def batch_memory(self, compiled: Compiled, size: int) -> int:
        """What the record predicts."""
        return compiled.record.proving_memory_bytes

    def prove_batch(
        self,
        compiled: Compiled,
        inputs: Sequence[Sequence[Tensor]],
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> list[Proof]:
        """Refused."""
        raise Refused(f"{compiled.record.system} takes one answer at a time")
