"""An answer of a real model that is claimed off chain, for tests of several kinds of evidence."""

from functools import cache

from avow.api.bench.statements import off_chain
from avow.verifier.bundle import Bundle
from avow.verifier.merkle import ALONE
from avow.verifier.systems.optimistic.claim import Claim, material_json
from avow.verifier.tensor import Tensor
from tests.integration import court

NEVER_FINAL = 2**40


@cache
def claim(given: tuple[Tensor, ...], nonce: int) -> Bundle:
    """The right answer, claimed."""
    artifact, contents = court.made().artifact, court.loaded()
    values = court.honest_values(given)
    outputs = court.outputs_of(values, court.MODEL)
    statement = off_chain(artifact.record, given, outputs, nonce)
    run = court.refuter(statement, values, court.MODEL)
    return Bundle(
        statement=statement,
        path=ALONE,
        model=artifact.model,
        system=artifact.record,
        signature=None,
        inputs=given,
        salt=None,
        outputs=outputs,
        proof=Claim(run.root, NEVER_FINAL, run.tensors).to_json(),
        material=material_json(contents.program, contents.blobs),
    )
