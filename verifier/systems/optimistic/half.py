"""Checking a claim of `optimistic/v1`: the committed run is recomputed, or a sample of it."""

from dataclasses import dataclass
from typing import Literal

from avow.verifier.commitment import Scheme
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, to_hex
from avow.verifier.merkle import leaf
from avow.verifier.program.program import Program, output_specs
from avow.verifier.statement import OFF_CHAIN
from avow.verifier.systems.optimistic.claim import (
    SYSTEM_ID,
    WINDOW,
    Claim,
    parse_claim,
    parse_material,
)
from avow.verifier.systems.optimistic.effort import refuse_endless, run_elements
from avow.verifier.systems.optimistic.recompute import (
    Committed,
    check_sample,
    compare,
    stored_run,
)
from avow.verifier.systems.optimistic.settlement import ClaimState, Standing, standing
from avow.verifier.systems.system import Evidence, Findings
from avow.verifier.tensor import Tensor
from avow.verifier.trace.commitment import trace_tree
from avow.verifier.trace.inputs import PUBLIC_SCHEMES
from avow.verifier.trace.key import program_key
from avow.verifier.trace.tree import Tree, chunk_leaves
from avow.verifier.verdict import Assurance, Hides


@dataclass(frozen=True, slots=True)
class OptimisticSystem:
    """The checking half of `optimistic/v1`."""

    @property
    def system_id(self) -> str:
        """`optimistic/v1`."""
        return SYSTEM_ID

    @property
    def input_schemes(self) -> frozenset[Scheme]:
        """Public ones only: whoever watches recomputes the run."""
        return PUBLIC_SCHEMES

    def verify(self, evidence: Evidence) -> Findings:
        """Establish that the trace is of this run, as far as `evidence.sample` asks.

        Without a sample every element is recomputed.
        """
        # 1. Shapes: program, constants and claim are parsed, and the work ahead is bounded.
        program, blobs = parse_material(evidence.material)
        claim = parse_claim(evidence.proof)
        if evidence.inputs is None:
            raise VerificationError("proof", "the inputs of an optimistic/v1 claim are public")
        if evidence.root != leaf(evidence.statement.digest()):
            raise VerificationError("proof", "a trace is bound to one statement, not to a batch")
        refuse_endless(program, evidence.sample)

        # 2. Record: program, key and tensors are the ones that it names.
        key = program_key(program, blobs)
        record = evidence.system
        for holds, otherwise in (
            (key.program == record.program, "the bundle's program is not the record's"),
            (key.digest == record.key, "the program does not hash to the record's key"),
            (program.inputs == evidence.model.inputs, "program and model differ in the inputs"),
            (
                output_specs(program, key.intervals) == record.outputs,
                "program and record differ in the outputs",
            ),
            (not record.measurements, "no measurements belong to a record of optimistic/v1"),
        ):
            if not holds:
                raise VerificationError("proof", otherwise)
        # What calibration showed only serves those who compile the model again.
        details = Fields(dict(record.details), "system.details", {WINDOW}, {"bits", "observed"})
        if claim.final_at < details.decimal(WINDOW, 53):
            raise VerificationError(
                "proof",
                f"the claim calls itself final at {claim.final_at}, before any window of "
                f"{record.detail(WINDOW)} s could end",
            )

        # 3. The run: the trace's tensors begin with the input, end in the output, and are right.
        layouts = [descriptor.result for descriptor in key.descriptors]
        if claim.tensors is not None and len(claim.tensors) != len(layouts):
            raise VerificationError(
                "proof", f"the run has {len(layouts)} tensors, the claim {len(claim.tensors)}"
            )
        total = run_elements(program)
        done = total
        if evidence.sample is None:
            own = stored_run(program, blobs, layouts, evidence.inputs)
            for number, committed in enumerate(claim.tensors or ()):
                compare(number, layouts[number], own[number], committed)
            tensors = [Committed(*one) for one in zip(range(len(own)), layouts, own, strict=True)]
        elif claim.tensors is None:
            raise VerificationError("proof", "without the run's tensors nothing can be sampled")
        else:
            tensors = [
                Committed(*one)
                for one in zip(range(len(layouts)), layouts, claim.tensors, strict=True)
            ]
            for number, tensor in enumerate(evidence.inputs):
                compare(
                    number,
                    layouts[number],
                    layouts[number].store(tensor.values),
                    tensors[number].data,
                )
            done = check_sample(program, blobs, key.intervals, tensors, evidence.sample)
        roots = [Tree(chunk_leaves(tensor.data)).root for tensor in tensors]
        if trace_tree(evidence.root, roots).root != claim.trace:
            raise VerificationError("proof", "the trace root is not that of the run's tensors")
        _check_outputs(program, tensors, evidence.outputs)

        # 4. The chain: what became of the claim there, for a checker who knows a block of it.
        end = _end(evidence, claim)
        return _findings(end, done, total)


def _check_outputs(program: Program, tensors: list[Committed], outputs: tuple[Tensor, ...]) -> None:
    for output, stated in zip(program.outputs, outputs, strict=True):
        committed = tensors[output.tensor]
        if committed.layout.store(stated.values) != committed.data:
            raise VerificationError("proof", f"the output {output.name!r} is not the run's")


@dataclass(frozen=True, slots=True)
class _End:
    """How far a claim has come, by whose word, and what that leaves open."""

    final_at: int | None
    final_at_by: Literal["claim", "chain"]
    established: str
    rests_on: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()


def _end(evidence: Evidence, claim: Claim) -> _End:
    if evidence.statement.domain == OFF_CHAIN:
        if claim.settlement is not None:
            raise VerificationError("proof", "no chain settles what was stated off chain")
        return _End(
            claim.final_at,
            "claim",
            "",
            not_checked=(
                "finality: its time is the provider's word",
                "bond: off chain nobody can challenge, and no deposit is at stake",
            ),
        )
    anchor = evidence.anchor
    if anchor is None or claim.settlement is None:
        why = "no block of its chain was named" if anchor is None else "the bundle shows no block"
        said = f"finality: its time is the provider's word; {why} in which it was settled"
        return _End(claim.final_at, "claim", "", not_checked=(said,))
    found = standing(claim.settlement, anchor, evidence.root)
    if found.state is ClaimState.OVERTURNED:
        raise VerificationError("proof", f"the claim was overturned before block {found.block}")
    block = f"block {found.block} ({to_hex(anchor.block)[:10]}...)"
    rests_on = (
        f"{block} being one of the chain, and {to_hex(anchor.claims)} its contract of claims: "
        "the checker's word",
    )
    if found.is_final:
        return _End(None, "chain", f"; settled on its chain by {block}: {_ending(found)}", rests_on)
    return _End(
        found.window_end,
        "chain",
        f"; standing on its chain in {block}, {found.open} challenges undecided",
        rests_on,
        ("finality: whether it stood after that block",),
    )


def _ending(found: Standing) -> str:
    """How a claim came to be final, as far as its word of storage tells."""
    if found.state is ClaimState.STANDING:
        return f"its window ended at {found.window_end}, with no challenge undecided"
    if found.open:
        # After its window a claim is upheld only when no challenge is open.
        return f"upheld by a proof at {found.window_end}, while it was challenged"
    return (
        f"upheld, by a proof at {found.window_end} or because its window ended then (the claim's "
        "storage does not say which)"
    )


def _findings(end: _End, done: int, total: int) -> Findings:
    rests_on, not_checked = end.rests_on, end.not_checked
    established = f"all {total} elements of the run recomputed"
    if done < total:
        # Cut, not rounded: never more than there is.
        chance = 10**4 * done // total / 10**4
        # Everything made from a wrong element may be made rightly from it: then it is the only one.
        established = (
            f"{done} of {total} elements recomputed: a single wrong one would have been seen with "
            f"probability {chance:.4f}, more with greater"
        )
        rests_on = ("the seed of the sample being the checker's own, unknown beforehand", *rests_on)
        not_checked += (f"{total - done} elements of the run, beyond being in range",)
    return Findings(
        assurance=Assurance.SETTLED if end.final_at is None else Assurance.CHALLENGEABLE,
        hides=Hides.NONE,
        srs=None,
        established=established + end.established,
        rests_on=(
            "one honest watcher who recomputes the run in time, and the chain that hears it",
            *rests_on,
        ),
        not_checked=not_checked,
        final_at=end.final_at,
        final_at_by=end.final_at_by,
    )
