"""Bundles of `optimistic/v1` about committed runs, honest ones and others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from avow.verifier.bundle import Bundle
from avow.verifier.commitment import commit_public
from avow.verifier.merkle import ALONE
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program, check, output_specs
from avow.verifier.records import (
    Fidelity,
    InputVisibility,
    ModelRecord,
    OutputShape,
    SystemRecord,
    WeightVisibility,
)
from avow.verifier.statement import OFF_CHAIN, Domain, Statement
from avow.verifier.systems.optimistic.claim import SYSTEM_ID, Claim, material_json
from avow.verifier.trace.inputs import commit_as
from tests.programs.every import every_operation
from tests.programs.runs import CommittedRun, honest_run

FINAL_AT = 2_000_000_000


@dataclass(frozen=True)
class Case:
    """A run with the records under which it is claimed."""

    run: CommittedRun
    model: ModelRecord
    system: SystemRecord
    domain: Domain = OFF_CHAIN

    def statement(self, run: CommittedRun | None = None, nonce: int = 7) -> Statement:
        """What is stated of the run's inputs and outputs."""
        about = run or self.run
        return Statement(
            domain=self.domain,
            model=self.model.digest(),
            system=SYSTEM_ID,
            program=self.system.program,
            key=self.system.key,
            input=commit_as(about.scheme, about.inputs),
            output=commit_public(about.outputs),
            order=bytes(32) if self.domain == OFF_CHAIN else b"\x01" * 32,
            provider=bytes(20),
            nonce=nonce,
        )

    def claim(
        self,
        run: CommittedRun | None = None,
        statement: Statement | None = None,
        stored: Sequence[bytes] | None = None,
    ) -> Claim:
        """The claim of a run for a statement, by whoever committed to it; `stored` are shown."""
        about = run or self.run
        root = ALONE.root((statement or self.statement(about)).digest())
        trace = replace(about, statement=root).refuter().root
        return Claim(trace, FINAL_AT, tuple(about.stored() if stored is None else stored))

    def bundle(self, run: CommittedRun | None = None, claim: Claim | None = None) -> Bundle:
        """The bundle of a run, its own claim in it unless another is given."""
        about = run or self.run
        return Bundle(
            statement=self.statement(about),
            path=ALONE,
            model=self.model,
            system=self.system,
            signature=None,
            inputs=about.inputs,
            salt=None,
            outputs=about.outputs,
            proof=(claim or self.claim(about)).to_json(),
            material=material_json(about.program, list(about.blobs)),
        )


def case_of(program: Program, blobs: Sequence[Blob]) -> Case:
    """The honest run of random inputs, and records that fit it."""
    run = honest_run(program, blobs)
    outputs = output_specs(program, check(program, blobs))
    model = ModelRecord(
        name="run",
        version="1",
        onnx_sha256=bytes(32),
        inputs=program.inputs,
        outputs=tuple(OutputShape(spec.name, spec.shape) for spec in outputs),
        licence="Apache-2.0",
        owner=bytes(20),
    )
    system = SystemRecord(
        model=model.digest(),
        system=SYSTEM_ID,
        program=program.digest(),
        key=run.key.digest,
        srs=None,
        outputs=outputs,
        input_visibility=InputVisibility.PUBLIC,
        weight_visibility=WeightVisibility.FIXED,
        fidelity=Fidelity(256, "1", "0.5", "0.25"),
        constraints=1,
        proving_memory_bytes=1024,
        evm_codehash=None,
        measurements=(),
        details=(("window", "3600"),),
    )
    return Case(run, model, system)


@lru_cache(maxsize=1)
def every_case() -> Case:
    """The case of the program that has all nineteen operations."""
    return case_of(*every_operation())
