"""A validator that watches claims, against a provider that answers as a test has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from avow.prover.catalogue import FolderCatalogue
from avow.prover.disputes.evidence import Evidence
from avow.prover.disputes.journal import Journal, Watched
from avow.prover.disputes.onchain import send
from avow.prover.disputes.programs import Programs
from avow.prover.disputes.provider import Defence
from avow.prover.disputes.watcher import Duties, Watcher
from avow.prover.nodes.fetch import FetchRules
from avow.prover.nodes.validator import Validator
from avow.prover.nodes.worklist import Worklist
from avow.verifier.chain import transactions
from avow.verifier.chain.claim_events import Claimed
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.client import Chain
from avow.verifier.chain.market import Market
from avow.verifier.chain.signer import Signer
from tests.circuits.sumcheck.small import HOME
from tests.integration.court import Court, Delivered
from tests.integration.town import PROVIDER, QUICK, STRANGER

_ENTRIES = ("watch", "decide", "begin", "sent", "end", "forget")


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Watch:
    """A court with a validator that may be started anew at any time. `since` is a block."""

    court: Court
    account: Signer = STRANGER
    confirmations: int = 0
    url: str | None = None
    duties: Duties | None = None
    since: int = 0
    programs: Programs = field(
        default_factory=lambda: Programs(
            FolderCatalogue(HOME / "claimed", HOME / "models").all, threads=1
        )
    )

    def __post_init__(self) -> None:
        self.since = self.court.town.chain.head().number

    def started(self) -> Validator:
        """A validator that has just started; what it has checked of programs is kept."""
        town = self.court.town
        chain = Chain(self.url or town.url, town.chain.chain_id)
        market = Market(chain, town.deployment, QUICK)
        rules = FetchRules(file_folder=town.config.bundles, seconds=5.0)

        def watch(worklist: Worklist) -> Watcher:
            return Watcher(
                market=market,
                claims=Claims(chain, town.deployment, QUICK),
                signer=self.account,
                database=town.database(),
                programs=self.programs,
                evidence=Evidence(worklist, rules),
                confirmations=self.confirmations,
                duties=self.duties,
                wall=town.wall,
            )

        return Validator(
            market=market,
            signer=self.account,
            database=town.database(),
            rules=rules,
            confirmations=self.confirmations,
            expire_overdue=False,
            wall=town.wall,
            watch=watch,
        )

    def journal(self, validator: Validator) -> Journal:
        """What a validator has written down of claims."""
        assert validator.watcher is not None
        return validator.watcher.journal

    def found(self, validator: Validator, claimed: Claimed) -> Watched:
        """What a validator found of a claim."""
        watched = self.journal(validator).of_leg(claimed.order_id, claimed.leg)
        assert watched is not None
        return watched

    def answer(self, claimed: Claimed, delivered: Delivered) -> bool:
        """Lets the provider answer a challenge out of the run that it committed to."""
        court = self.court
        challenge = court.challenge_by(claimed, self.account.address)
        if challenge is None or not challenge.turn.is_providers:
            return False
        now = court.town.chain.head().timestamp
        move = Defence(delivered.run).move(court.view(claimed), challenge, now)
        if move is None:
            return False
        send(court.claims, PROVIDER, move)
        return True

    def play(
        self,
        done: Callable[[], bool],
        answer: Callable[[], bool] = lambda: False,
        start: Callable[[], Validator] | None = None,
        rounds: int = 300,
    ) -> Validator:
        """Lets validator and provider take turns, blocks coming by themselves; a validator that
        was killed is started anew. Until `done`."""
        begin = start or self.started
        validator = begin()
        for _ in range(rounds):
            try:
                moved = validator.step()
            except Killed:
                validator = begin()
                continue
            if done():
                return validator
            if answer() or moved:
                continue
            self.court.town.mine()
            # Who waits after a failure reads a clock that runs on.
            self.court.town.skew += 20_000
        journal = validator.watcher.journal.watched() if validator.watcher else []
        pytest.fail(f"it does not end: {journal}")

    def sent(self) -> list[tuple[bytes, bool]]:
        """Every later transaction of the account by its calldata, and whether it succeeded."""
        town, found = self.court.town, []
        for number in range(self.since + 1, town.chain.head().number + 1):
            block = town.rpc("eth_getBlockByNumber", hex(number), True)
            for one in block["transactions"]:
                if one["from"].lower() == "0x" + self.account.address.hex():
                    receipt = town.rpc("eth_getTransactionReceipt", one["hash"])
                    found.append((bytes.fromhex(one["input"][2:]), receipt["status"] == "0x1"))
        return found


class Reaper:
    """Kills a process before and after each thing that it does to the world, once each."""

    def __init__(self) -> None:
        self.met: set[object] = set()
        self.deaths: Counter[str] = Counter()

    def strike(self, what: str, name: object, change: Callable[[], Any]) -> Any:
        """Carries out a change, or dies just before or just after it."""
        if (what, name, "before") not in self.met:
            self.met.add((what, name, "before"))
            self.deaths[f"before {what}"] += 1
            raise Killed
        result = change()
        if (what, name, "after") not in self.met:
            self.met.add((what, name, "after"))
            self.deaths[f"after {what}"] += 1
            raise Killed
        return result


@contextmanager
def reaping(reaper: Reaper, account: Signer, entries: Sequence[str] = _ENTRIES) -> Iterator[None]:
    """Such entries of a journal and every transaction of the account pass the reaper."""
    with pytest.MonkeyPatch.context() as patch:
        for name in entries:
            patch.setattr(Journal, name, _reaped(reaper, name, getattr(Journal, name)))
        broadcast = transactions._broadcast

        def reaped(chain: Any, signed: Any, *rest: Any) -> Any:
            # The provider is another process, which nobody kills here.
            sender = chain.w3.eth.account.recover_transaction(signed.raw_transaction)
            if bytes.fromhex(sender[2:]) != account.address:
                return broadcast(chain, signed, *rest)
            raw = bytes(signed.raw_transaction)
            return reaper.strike("broadcast", raw, lambda: broadcast(chain, signed, *rest))

        patch.setattr(transactions, "_broadcast", reaped)
        yield


def _reaped(reaper: Reaper, what: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Journal, *arguments: Any, **named: Any) -> Any:
        name = repr((arguments, sorted(named.items())))
        return reaper.strike(what, name, lambda: original(self, *arguments, **named))

    return method
