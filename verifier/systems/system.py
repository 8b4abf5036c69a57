"""What the checking half of a proof system takes and gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from avow.verifier.canonical import Json
from avow.verifier.commitment import Scheme
from avow.verifier.keccak import keccak256
from avow.verifier.records import ModelRecord, SystemRecord
from avow.verifier.statement import Statement
from avow.verifier.systems.optimistic.sample import Sample
from avow.verifier.systems.optimistic.settlement import Anchor
from avow.verifier.systems.tee.terms import Terms
from avow.verifier.tensor import Tensor
from avow.verifier.verdict import Assurance, Hides, Step


def selector(system_id: str) -> bytes:
    """The 4 bytes by which the router contract knows a system; a seal begins with them."""
    return keccak256(system_id.encode("ascii"))[:4]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A parsed bundle whose records and tensors already agree with its statement.

    `root` is the Merkle root that the proof must bind, `index` the statement's place under it.
    `inputs` is None where they are hidden. `sample`, `anchor`, `attestation`: as in the policy.
    """

    root: bytes
    index: int
    statement: Statement
    model: ModelRecord
    system: SystemRecord
    inputs: tuple[Tensor, ...] | None
    outputs: tuple[Tensor, ...]
    proof: Json
    material: Json
    sample: Sample | None = None
    attestation: Terms | None = None
    anchor: Anchor | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """What a system's half has established.

    `srs` is the digest of the string that the proof was checked under. `rests_on` names
    software and assumptions beyond this package; `not_checked` what cannot be checked here.
    `final_at` is a Unix time for what may still be challenged, by the word of `final_at_by`;
    `steps` are what led to it, by name.
    """

    assurance: Assurance
    hides: Hides
    srs: bytes | None
    established: str
    rests_on: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()
    final_at: int | None = None
    final_at_by: Literal["claim", "chain"] = "claim"
    steps: tuple[Step, ...] = ()


class System(Protocol):
    """The checking half of one proof system."""

    @property
    def system_id(self) -> str:
        """The id that keys every half, e.g. `ezkl/v1`."""
        ...

    @property
    def input_schemes(self) -> frozenset[Scheme]:
        """Input commitments that it can bind; with that of `input_scheme` no other public one."""
        ...

    def verify(self, evidence: Evidence) -> Findings:
        """Check the proof against root, tensors, key and program; raise `VerificationError`."""
        ...


@runtime_checkable
class BatchSystem(Protocol):
    """What the checking half of a system has besides, when its proofs hold several samples."""

    def verify_batch(self, evidence: Sequence[Evidence]) -> Findings:
        """Check the one proof of several bundles against the tensors of each of them.

        Refuses evidence that differs in root, records, material or proof.
        """
        ...
