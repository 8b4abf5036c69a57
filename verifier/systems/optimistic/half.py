"""Checking a claim of `optimistic/v1`: the committed run is recomputed, or a sample of it."""

from dataclasses import dataclass

from avow.verifier.commitment import Scheme
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields
from avow.verifier.merkle import leaf
from avow.verifier.program.program import Program, output_specs
from avow.verifier.statement import OFF_CHAIN
from avow.verifier.systems.optimistic.claim import SYSTEM_ID, WINDOW, parse_claim, parse_material
from avow.verifier.systems.optimistic.effort import refuse_endless, run_elements
from avow.verifier.systems.optimistic.recompute import (
    Committed,
    check_sample,
    compare,
    stored_run,
)
from avow.verifier.systems.system import Evidence, Findings
from avow.verifier.tensor import Tensor
from avow.verifier.trace.commitment import trace_tree
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
        """A public digest only: whoever watches recomputes the run."""
        return frozenset({Scheme.PUBLIC})

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
        Fields(dict(record.details), "system.details", {WINDOW}, {"bits", "observed"})

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
        return _findings(evidence, claim.final_at, done, total)


def _check_outputs(program: Program, tensors: list[Committed], outputs: tuple[Tensor, ...]) -> None:
    for output, stated in zip(program.outputs, outputs, strict=True):
        committed = tensors[output.tensor]
        if committed.layout.store(stated.values) != committed.data:
            raise VerificationError("proof", f"the output {output.name!r} is not the run's")


def _findings(evidence: Evidence, final_at: int, done: int, total: int) -> Findings:
    not_checked: tuple[str, ...] = (
        "finality: its time is the provider's word; no chain was asked whether the claim was "
        "refuted or is being challenged",
    )
    if evidence.statement.domain == OFF_CHAIN:
        not_checked += ("bond: off chain nobody can challenge, and no deposit is at stake",)
    established = f"all {total} elements of the run recomputed"
    if done < total:
        # Cut, not rounded: never more than there is.
        chance = 10**4 * done // total / 10**4
        established = (
            f"{done} of {total} elements recomputed: one wrong element would have been seen with "
            f"probability {chance:.4f}"
        )
        not_checked += (f"{total - done} elements of the run, beyond being in range",)
    return Findings(
        assurance=Assurance.CHALLENGEABLE,
        hides=Hides.NONE,
        srs=None,
        established=established,
        rests_on=(
            "one honest watcher who recomputes the run in time, and the chain that hears it",
        ),
        not_checked=not_checked,
        final_at=final_at,
    )
