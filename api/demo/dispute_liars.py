"""Those who do not follow the rules of the nodes: a provider that lies, and one who griefs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from avow.api.demo.dispute_stage import SELECTOR, Stage
from avow.api.errors import DemoError
from avow.prover.disputes import moves
from avow.prover.disputes.onchain import challenge_of, send, tensors_of, view_of
from avow.prover.disputes.provider import Defence
from avow.prover.disputes.state import Challenge, ClaimView, climb, replay
from avow.prover.nodes.claims import expected_statement
from avow.prover.refutation import Refuter
from avow.prover.stores.store import SUFFIX
from avow.verifier.bundle import Bundle
from avow.verifier.chain.claim_events import Claimed
from avow.verifier.chain.claim_records import Turn
from avow.verifier.chain.registration import Registry
from avow.verifier.chain.signer import Signer
from avow.verifier.commitment import commit_public
from avow.verifier.keccak import keccak256
from avow.verifier.merkle import Path as Place
from avow.verifier.merkle import leaf
from avow.verifier.program.semantics import evaluate
from avow.verifier.systems.optimistic.claim import Claim, material_json
from avow.verifier.tensor import Tensor

Values = list[tuple[int, ...]]


def run_on(stage: Stage, begun: Sequence[tuple[int, ...]]) -> Values:
    """A run, from tensors that are given, by the definition of the program."""
    program, values = stage.loaded.program, list(begun)
    shapes, first = program.shapes(), len(program.inputs)
    for step in program.steps[len(values) - first :]:
        of = step.operation.of
        operands = [values[at] for at in of]
        result = shapes[len(values)]
        found = evaluate(
            step.operation, result, operands, [shapes[at] for at in of], stage.loaded.blobs
        )
        values.append(tuple(found))
    return values


@dataclass(frozen=True, slots=True)
class Lie:
    """Where one bit of an activation was flipped, and the run that follows from it."""

    tensor: int
    element: int
    values: Values


def one_flipped_activation(stage: Stage, given: Sequence[Tensor]) -> Lie:
    """A run that is right but for one bit, as deep inside as changes the answer."""
    program = stage.loaded.program
    right = run_on(stage, [tensor.values for tensor in given])
    last = program.outputs[0].tensor
    for tensor in range(len(program.inputs) + 1, last):
        for element in range(len(right[tensor])):
            wrong = list(right[tensor])
            wrong[element] ^= 16
            values = run_on(stage, [*right[:tensor], tuple(wrong)])
            if values[last] != right[last]:
                return Lie(tensor, element, values)
    raise DemoError("no activation of this run matters")


@dataclass(frozen=True)
class Liar:
    """A provider that has claimed a wrong run."""

    stage: Stage
    claimed: Claimed
    run: Refuter

    def answer(self) -> bool:
        """Answer a challenge out of the run that was claimed; whether there was one to answer."""
        stage = self.stage
        validator = stage.people.validator.address
        view, challenge = standing(stage, self.claimed, validator)
        if challenge is None or not challenge.turn.is_providers:
            return False
        now = stage.market.chain.head().timestamp
        move = Defence(self.run).move(view, challenge, now)
        if move is not None:
            send(stage.claims, stage.liar, move)
        return move is not None


def lie_about(stage: Stage, order_id: bytes, given: tuple[Tensor, ...], shown: bool) -> Liar:
    """Lock an order, deliver a wrong answer and claim it; its tensors are `shown` or withheld."""
    market, record = stage.market, stage.artifact.record
    market.lock(stage.liar, stage.order(order_id))
    lie = one_flipped_activation(stage, given)
    outputs = tuple(
        Tensor(spec.element_type, spec.shape, lie.values[output.tensor])
        for spec, output in zip(record.outputs, stage.loaded.program.outputs, strict=True)
    )
    registry, order = Registry(market.chain, market.deployment), stage.order(order_id)
    committed = commit_public(outputs)
    statement, _ = expected_statement(market, registry, order, SELECTOR, committed)
    layouts = [descriptor.result for descriptor in stage.loaded.key.descriptors]
    stored = [layout.store(row) for layout, row in zip(layouts, lie.values, strict=True)]
    contents = stage.loaded
    name = leaf(statement.digest())
    run = Refuter(contents.program, contents.blobs, contents.key, name, stored)
    bundle = Bundle(
        statement=statement,
        path=Place(0, ()),
        model=stage.artifact.model,
        system=record,
        signature=None,
        inputs=given,
        salt=None,
        outputs=outputs,
        proof=Claim(run.root, 1, run.tensors).to_json(),
        material=material_json(contents.program, contents.blobs),
    ).encode()
    file = stage.config.bundles / f"{statement.digest().hex()}{SUFFIX}"
    if shown:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bundle)
    market.deliver(stage.liar, order_id, 0, SELECTOR, committed, keccak256(bundle), file.as_uri())
    data = b"".join(tensor.data() for tensor in outputs)
    claimed, _ = stage.claims.claim(stage.liar, order_id, 0, data, run.root)
    return Liar(stage, claimed, run)


@dataclass(frozen=True)
class Griefer:
    """A challenger of a right claim: it points at whatever stands first."""

    stage: Stage
    claimed: Claimed
    signer: Signer

    def open(self) -> None:
        """Challenge, with a bond."""
        self.stage.claims.open(self.signer, self.claimed.traced)

    def pick(self) -> bool:
        """Point at the first node that was shown; whether it was this side's turn to."""
        view, challenge = self.standing()
        if challenge is None or challenge.turn is not Turn.PICK:
            return False
        seen = replay(challenge)
        node, siblings = seen.children[0], climb(seen.children, 0)
        move: moves.Move = moves.Pick(view.id, 0, node, siblings)
        if not seen.in_tensor and seen.levels <= seen.step:
            place = view.traced.program + self.stage.loaded.key.place(0)
            move = moves.PickTensor(view.traced, 0, node, siblings, place)
        send(self.stage.claims, self.signer, move)
        return True

    def standing(self) -> tuple[ClaimView, Challenge | None]:
        """How the claim and this challenge of it stand."""
        return standing(self.stage, self.claimed, self.signer.address)


def standing(
    stage: Stage, claimed: Claimed, challenger: bytes
) -> tuple[ClaimView, Challenge | None]:
    """How a claim stands, and a challenge of it."""
    claims = stage.claims
    events = claims.events_of(claimed.claim_id, claimed.place.block, claims.chain.head().number)
    outputs = tensors_of(stage.artifact.record.outputs, claimed.output)
    view = view_of(claims, claimed, outputs, events)
    return view, challenge_of(claims, claimed.claim_id, challenger, events)
