"""Bundles of several kinds about the example's answer, and the systems that check them."""

from dataclasses import replace

import pytest

from avow.verifier import verify as verify_module
from avow.verifier.bundle import Bundle
from avow.verifier.canonical import Json
from avow.verifier.commitment import commit_public
from avow.verifier.merkle import ALONE
from avow.verifier.systems.system import Evidence, Findings
from avow.verifier.tensor import ElementType, Tensor
from avow.verifier.verdict import Assurance
from tests.verifier import examples
from tests.verifier.examples import Doubling

SOON, PROOF, CLAIM, TOY = "soon/v1", "proof/v1", "claim/v1", "toy/v1"


class Kind(Doubling):
    """The doubling system under another id, with an assurance of its own; counts its checks."""

    def __init__(self, system_id: str, assurance: Assurance, final_at: int | None = None) -> None:
        self.system_id = system_id
        self.assurance = assurance
        self.final_at = final_at
        self.checks = 0

    def verify(self, evidence: Evidence) -> Findings:
        self.checks += 1
        return super().verify(evidence)


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> dict[str, Kind]:
    """Four systems known for one test: a fast one, a proof, a claim that is open, a simulation."""
    found = {
        one.system_id: one
        for one in (
            Kind(SOON, Assurance.SETTLED),
            Kind(PROOF, Assurance.PROVEN),
            Kind(CLAIM, Assurance.CHALLENGEABLE, 1000),
            Kind(TOY, Assurance.SIMULATED),
        )
    }
    for name, one in found.items():
        monkeypatch.setitem(verify_module.SYSTEMS, name, one)
    return found


def bundle(
    system: str,
    values: tuple[int, ...] = (1, -2, 3),
    nonce: int = 7,
    provider: bytes = bytes(20),
    name: str = "doubling",
    scale: int = 4,
    program: bytes = examples.PROGRAM,
) -> Bundle:
    """An honest bundle of a kind; what differs from the example is what was asked for."""
    model = replace(examples.model_record(), name=name)
    spec = replace(examples.system_record().outputs[0], scale=scale)
    record = replace(
        examples.system_record(),
        model=model.digest(),
        system=system,
        outputs=(spec,),
        program=program,
    )
    doubled = Tensor(ElementType.INT32, (1, 3), tuple(2 * value for value in values))
    given = Tensor(ElementType.INT16, (1, 3), values)
    about = replace(
        examples.statement(values, nonce),
        model=model.digest(),
        system=system,
        provider=provider,
        program=program,
        input=commit_public([given]),
        output=commit_public([doubled]),
    )
    material: Json = {"key": "key"}
    return examples.prove(
        Bundle(
            statement=about,
            path=ALONE,
            model=model,
            system=record,
            signature=None,
            inputs=(given,),
            salt=None,
            outputs=(doubled,),
            proof={},
            material=material,
        )
    )


def single(*systems: str, **more: Json) -> dict[str, Json]:
    """A node of a policy: these systems, and what else is insisted on."""
    policy: dict[str, Json] = {"format": "avow-policy/1", **more}
    if systems:
        policy["systems"] = list(systems)
    return {"policy": policy}
