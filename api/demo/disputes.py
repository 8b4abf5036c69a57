"""Five disputes to their end: `python -m avow.api.demo.disputes [--help]`.

The nodes are those of `avow provider` and `avow validator`, in this process; liar and griefer are
not. The chain is anvil on this machine, and its time is moved on wherever a window or a clock is
waited for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from avow.api.demo.dispute_ledger import BURNED, balances
from avow.api.demo.dispute_liars import Griefer, lie_about
from avow.api.demo.dispute_stage import Stage, set_up
from avow.api.demo.scenes import Ledger, Outcome, Scenes, arguments_of, conclude
from avow.api.errors import DemoError
from avow.prover.config import from_environment
from avow.prover.nodes.provider import Provider
from avow.verifier.chain.claim_events import (
    ChallengeOpened,
    ChildrenRevealed,
    ChunkRevealed,
    Claimed,
    ClaimProven,
    TensorRevealed,
)
from avow.verifier.chain.claim_records import ClaimState, Turn
from avow.verifier.lifecycle import LegState

_NOTICE_SECONDS = 601
_ROUNDS = (ChildrenRevealed, TensorRevealed, ChunkRevealed)


def paid_after_the_window(stage: Stage) -> str:
    """An honest provider claims its answer, nobody objects, the market pays."""
    claimed = _served(stage, stage.provider)
    _pass_window(stage, claimed)
    _settle(stage, claimed, stage.provider)
    return "paid after the window"


def caught_in_one_shot(stage: Stage) -> str:
    """A liar publishes its tensors: one transaction shows the one wrong element."""
    return _caught(stage, shown=True)


def caught_by_the_game(stage: Stage) -> str:
    """A liar withholds its tensors: it must open its trace where the validator points."""
    return _caught(stage, shown=False)


def griefer_loses(stage: Stage) -> str:
    """A challenger without a case plays as long as it can, and loses its bond to the provider."""
    claimed = _served(stage, stage.provider)
    griefer = Griefer(stage, claimed, stage.griefer)
    griefer.open()

    def nothing_to_show() -> bool:
        challenge = griefer.standing()[1]
        return challenge is not None and challenge.turn is Turn.REFUTATION

    stage.drive((stage.provider,), nothing_to_show, griefer.pick)
    challenge = griefer.standing()[1]
    if challenge is None:
        raise DemoError("the challenge is gone")
    stage.clock.pass_until(challenge.deadline)
    stage.drive((stage.provider,), lambda: not _undecided(griefer), lambda: False)
    _pass_window(stage, claimed)
    _settle(stage, claimed, stage.provider)
    return "challenger lost its bond, provider paid"


def ended_by_a_proof(stage: Stage) -> str:
    """A challenged provider ends the dispute at once with a proof by sumcheck/v1."""
    claimed = _served(stage, stage.prover)
    griefer = Griefer(stage, claimed, stage.griefer)
    griefer.open()
    stage.drive((stage.prover,), lambda: _state(stage, claimed) is ClaimState.UPHELD, _never)
    if not _events(stage, claimed, ClaimProven):
        raise DemoError("the claim was upheld without a proof")
    stage.claims.reclaim(stage.griefer, claimed.claim_id, stage.griefer.address)
    stage.claims.withdraw(stage.griefer)
    stage.clock.pass_until(claimed.window_end)
    _settle(stage, claimed, stage.prover)
    return "upheld by a proof, provider paid"


SCENES: tuple[Callable[[Stage], str], ...] = (
    paid_after_the_window,
    caught_in_one_shot,
    caught_by_the_game,
    griefer_loses,
    ended_by_a_proof,
)


def _never() -> bool:
    return False


def _served(stage: Stage, provider: Provider) -> Claimed:
    """An order that the provider's node takes, answers, delivers and claims."""
    order_id = stage.request(0)
    first = stage.market.chain.head().number
    found: list[Claimed] = []

    def claimed() -> bool:
        head = stage.market.chain.head().number
        found[:] = [one for one in stage.claims.made(first, head) if one.order_id == order_id]
        return bool(found)

    stage.drive((provider,), claimed, _never)
    return found[0]


def _caught(stage: Stage, shown: bool) -> str:
    """A liar takes an order; the validator's node does the rest."""
    order_id = stage.request(1)
    liar = lie_about(stage, order_id, stage.inputs(1), shown)
    answer = _never if shown else liar.answer

    def over() -> bool:
        slashed = stage.market.leg(order_id, 0).state is LegState.SLASHED
        return slashed and not stage.claims.credit(stage.people.validator.address)

    stage.drive((stage.validator,), over, answer)
    if not stage.claims.is_overturned(liar.claimed.claim_id):
        raise DemoError("the lie was paid back, but not overturned")
    opened = bool(_events(stage, liar.claimed, ChallengeOpened))
    if opened is shown:
        raise DemoError("the validator went the other way")
    return "overturned in one shot" if shown else "overturned by the game"


def _pass_window(stage: Stage, claimed: Claimed) -> None:
    stored = stage.claims.stored(claimed.claim_id)
    stage.clock.pass_until(stored.window_end if stored is not None else claimed.window_end)


def _settle(stage: Stage, claimed: Claimed, provider: Provider) -> None:
    """Until the order is paid and the provider has its bonds back."""

    def settled() -> bool:
        paid = stage.market.leg(claimed.order_id, 0).state is LegState.SETTLED
        upheld = _state(stage, claimed) is ClaimState.UPHELD
        return paid and upheld and not stage.claims.credit(stage.people.provider.address)

    stage.drive((stage.validator, provider), settled, _never)


def _state(stage: Stage, claimed: Claimed) -> ClaimState:
    stored = stage.claims.stored(claimed.claim_id)
    return ClaimState.NONE if stored is None else stored.state


def _undecided(griefer: Griefer) -> bool:
    challenge = griefer.standing()[1]
    return challenge is not None and challenge.undecided


def _events(stage: Stage, claimed: Claimed, kind: type) -> list[Any]:
    head = stage.market.chain.head().number
    events = stage.claims.events_of(claimed.claim_id, claimed.place.block, head)
    return [event for event in events if isinstance(event, kind)]


def _play(scenes: Scenes, stage: Stage, scene: Callable[[Stage], str]) -> None:
    parties, first = _parties(stage), stage.market.chain.head().number

    def act() -> Outcome:
        said = scene(stage)
        events = stage.claims.events(first + 1, stage.market.chain.head().number)
        rounds = sum(isinstance(event, _ROUNDS) for event in events)
        return Outcome(said, {"rounds": rounds}, f", {rounds} rounds")

    def held() -> dict[str, int]:
        return balances(stage.market, stage.claims, parties)

    scenes.play(scene, Ledger(stage.market.chain, parties, held), act)


def _parties(stage: Stage) -> dict[str, bytes]:
    people = stage.people
    return {
        "requester": people.requester.address,
        "provider": people.provider.address,
        "validator": people.validator.address,
        "liar": stage.liar.address,
        "griefer": stage.griefer.address,
        "owner": people.owner.address,
        "treasury": people.treasury.address,
        "burned": BURNED,
    }


def main(arguments: Sequence[str]) -> int:
    """See the module."""
    options = arguments_of("avow.api.demo.disputes", __doc__, "build/dispute").parse_args(arguments)

    def played() -> str:
        scenes = Scenes(options.folder, options.report)
        contracts = from_environment().contracts
        with scenes.reported() as root, set_up(root, contracts, scenes.steps.say) as stage:
            # A system counts as a defence only where it was there before the order.
            stage.clock.pass_time(_NOTICE_SECONDS)
            for scene in SCENES:
                _play(scenes, stage, scene)
        found = scenes.report
        return (
            f"{len(found['scenarios'])} disputes ended as they must, in {found['seconds']:.0f} s. "
            f"The chain's time was moved on. Report: {options.report}"
        )

    return conclude(played)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
