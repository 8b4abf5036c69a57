"""Faults of one leg: they keep no other from its turn, and cost no bond that can be kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from avow.prover.nodes.attested import OwnKeys
from avow.prover.nodes.batches import Batches
from avow.prover.nodes.fetch import BundleUnavailable
from avow.prover.nodes.leg_jobs import LegJob
from avow.prover.nodes.node import Node
from avow.prover.nodes.pace import Pace
from avow.prover.nodes.pauses import Pauses
from avow.prover.nodes.provider import Provider
from avow.prover.nodes.validator import Validator
from avow.verifier.chain.attestation_records import (
    MeasurementState,
    Service,
    StoredKey,
    TeeTerms,
    Tier,
)
from avow.verifier.chain.errors import ChainError, RpcUnavailable
from avow.verifier.chain.orders import LegTerms, OrderTerms, selector_of
from avow.verifier.lifecycle import JobState, LegState
from avow.verifier.systems.optimistic.claim import SYSTEM_ID as OPTIMISTIC
from avow.verifier.systems.tee.registration import SYSTEM_ID as TEE
from tests.prover.nodes.test_offers import FIRST, SECOND, THIRD, A, B, C, compiled_for, terms
from tests.prover.tiny import MODEL

ACCOUNT = b"o" * 20
NOW = 1_000_000
UNTIL = NOW + 7_200
ANY_REGISTRARS = TeeTerms()
KEY, PROGRAM, MODEL_KEY = b"k" * 20, b"p" * 32, b"M" * 32

N = TypeVar("N", bound=Node)


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def bare(kind: type[N], clock: Clock) -> N:
    """A node without a chain, a database or anything else that is not asked here."""
    node = kind.__new__(kind)
    node.signer = SimpleNamespace(address=ACCOUNT)  # type: ignore[assignment]
    node.worklist = SimpleNamespace(remark=lambda *_: False)  # type: ignore[assignment]
    node._pauses, node._batches = Pauses(clock, 60.0), Batches()
    return node


def leg(state: LegState, deadline: int, delivered_at: int = 0) -> Any:
    """A leg of an order in a state."""
    return SimpleNamespace(
        state=state, deadline=deadline, delivered_at=delivered_at, selector=A, others=b""
    )


def view(*legs: Any) -> Any:
    """An order with these legs, which this account serves and validates."""
    order = SimpleNamespace(
        provider=ACCOUNT, validator=ACCOUNT, lock_deadline=0, settlement_window=600
    )
    return SimpleNamespace(order=order, legs=legs, now=0)


SEEN: Any = SimpleNamespace(order_id=b"1" * 32, terms=None, nonce=1)


def failing(
    turns: list[int], error: Exception, at: int = 0
) -> Callable[[Any, Any, Any, int], bool]:
    """A move that notes whose turn it is, and fails with the leg of that number."""

    def move(node: Any, seen: Any, view: Any, index: int) -> bool:
        turns.append(index)
        if index == at:
            raise error
        return True

    return move


def test_a_leg_that_cannot_be_settled_keeps_no_proof_from_its_delivery(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns, clock = list[int](), Clock()
    provider = bare(Provider, clock)
    provider._claiming = None
    move = failing(turns, ChainError("KeyPending"))
    monkeypatch.setattr("avow.prover.nodes.provider.same_terms", lambda *_: True)
    monkeypatch.setattr(Provider, "_await_settlement", move)
    monkeypatch.setattr(Provider, "_serve", move)
    legs = view(
        leg(LegState.DELIVERED, 5),
        leg(LegState.LOCKED, 20),
        leg(LegState.LOCKED, 10),
        leg(LegState.SETTLED, 1),
        leg(LegState.DELIVERED, 4),
    )
    assert provider.advance(SEEN, legs)
    # What is to be delivered comes first, the first due before the others.
    assert turns == [2, 1, 4, 0]
    # At the next look the others have their turn; the one at fault waits for a while.
    assert provider.advance(SEEN, legs)
    assert turns[4:] == [2, 1, 4]
    clock.now = 5.0
    assert provider.advance(SEEN, legs)
    assert turns[7:] == [2, 1, 4, 0]


@pytest.mark.parametrize("error", [BundleUnavailable("bundle: 404"), ChainError("KeyPending")])
def test_a_bundle_that_is_not_there_keeps_no_other_leg_from_its_settlement(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    turns, expired = list[int](), list[int]()
    validator = bare(Validator, Clock())
    validator._expire_overdue = True
    monkeypatch.setattr(Validator, "_settle", failing(turns, error))
    monkeypatch.setattr(Validator, "_expire", lambda self, seen, at: expired.append(at) or True)
    locked = leg(LegState.LOCKED, -1)
    legs = view(
        leg(LegState.DELIVERED, 9, 5), leg(LegState.DELIVERED, 9, 7), locked, leg(LegState.OPEN, 9)
    )
    assert validator.advance(SEEN, legs)
    assert (turns, expired) == ([0, 1], [2])


def test_a_chain_that_does_not_answer_is_no_fault_of_a_leg() -> None:
    def move(index: int) -> bool:
        raise RpcUnavailable("away")

    with pytest.raises(RpcUnavailable):
        bare(Validator, Clock()).each_leg(SEEN, [0, 1], move)


# Keys of one's own.


def key(**changes: Any) -> StoredKey:
    """A key that stands, with changes."""
    good = StoredKey(
        operator=ACCOUNT,
        active_from=NOW - 10,
        not_after=NOW + 10**6,
        tier=Tier.REGISTRAR,
        stake=1,
        revoked_at=0,
        slashed=False,
        program=PROGRAM,
        measurement=b"m" * 32,
        quote_id=b"q" * 32,
        platform=bytes(32),
    )
    return replace(good, **changes)


def own_keys(
    stored: StoredKey | None,
    *,
    live: tuple[bytes, ...] = (KEY,),
    runs: bytes = PROGRAM,
    service: Service = Service.SERVED,
    asked: TeeTerms = ANY_REGISTRARS,
    measurement: MeasurementState = MeasurementState.ATTENDED,
    disproof: object | None = None,
) -> OwnKeys:
    """Those of enclaves that run here, of which the chain knows one."""
    own = OwnKeys.__new__(OwnKeys)
    own._operator = ACCOUNT
    own._keys = SimpleNamespace(  # type: ignore[assignment]
        key=lambda name: stored if name == KEY else None,
        service=lambda *_: service,
        measurement=lambda _: measurement,
        disproof=lambda _: disproof,
    )
    own._registry = SimpleNamespace(  # type: ignore[assignment]
        system=lambda *_: SimpleNamespace(program=PROGRAM), tee_terms=lambda _: asked
    )
    material = SimpleNamespace(registration=SimpleNamespace(program=runs))
    found = [SimpleNamespace(address=name, material=material) for name in live]
    own._archive = SimpleNamespace(live=lambda: found)  # type: ignore[assignment]
    return own


def test_a_key_that_stands_counts() -> None:
    assert own_keys(key()).missing(MODEL_KEY, NOW, UNTIL) is None
    own = own_keys(key(), service=Service.PROVABLE, asked=TeeTerms(Tier.REGISTRAR, True))
    assert own.missing(MODEL_KEY, NOW, UNTIL) is None


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        (own_keys(None), "is not registered by this account"),
        (own_keys(key(operator=b"x" * 20)), "is not registered by this account"),
        (own_keys(key(active_from=NOW + 86_400)), "is not active before"),
        (own_keys(key(active_from=2**40 - 1)), "is not active before"),
        (own_keys(key(), disproof=object()), "is doubted on the chain"),
        (own_keys(key(revoked_at=NOW - 1)), "was revoked"),
        (own_keys(key(slashed=True)), "was revoked"),
        (own_keys(key(not_after=UNTIL - 1)), "too early"),
        (own_keys(key(), measurement=MeasurementState.REVOKED), "measurement that was revoked"),
        (own_keys(key(program=b"x" * 32)), "another program"),
        (own_keys(key(tier=Tier.SIMULATED)), "is SIMULATED, its model asks for REGISTRAR"),
        (own_keys(key(), asked=TeeTerms(Tier.ONCHAIN_DCAP)), "asks for ONCHAIN_DCAP"),
        (own_keys(key(), service=Service.NONE), "does not serve it"),
        (own_keys(key(), asked=TeeTerms(Tier.REGISTRAR, True)), "provably"),
        (own_keys(key(), live=()), "no enclave is running here"),
        (own_keys(key(), runs=b"x" * 32), "no enclave is running here"),
        # Either may be given the job.
        (own_keys(key(), live=(KEY, b"n" * 20)), f"0x{(b'n' * 20).hex()} .* is not registered"),
    ],
)
def test_no_key_that_might_not_be_settled_with_counts(own: OwnKeys, reason: str) -> None:
    found = own.missing(MODEL_KEY, NOW, UNTIL)
    assert found is not None
    assert re.search(reason, found), found


# Falling back.


class Served(Provider):
    """A provider of one order; what it submits and gives up is noted."""

    def __init__(self, order: OrderTerms, tried: list[bytes]) -> None:
        catalogue = [FIRST, SECOND, THIRD, compiled_for(OPTIMISTIC), compiled_for(TEE)]
        self.served = catalogue
        self.submitted: list[str] = []
        self.given_up: list[str] = []
        self.withdrawn: list[bytes] = []
        self.state = JobState.QUEUED
        self.created_at = 0
        self.signer = SimpleNamespace(address=ACCOUNT)  # type: ignore[assignment]
        self.worklist = SimpleNamespace(remark=lambda *_: False)  # type: ignore[assignment]
        self._catalogue = lambda: self.served
        self._allow_unsafe_srs = True
        self._attested = self._claiming = self._inputs = None
        self._contracts = {}
        self.registry = SimpleNamespace(  # type: ignore[assignment]
            model_digest=lambda _: MODEL.digest(), differs=lambda *_: None, system=lambda *_: None
        )
        self.market = SimpleNamespace(  # type: ignore[assignment]
            verifies=lambda selector: selector not in self.withdrawn
        )
        jobs = [LegJob(f"job {one.hex()}", one, "0x") for one in tried]
        self._jobs = SimpleNamespace(  # type: ignore[assignment]
            tried=lambda seen, index: jobs if index == len(order.legs) - 1 else [],
            known=lambda seen, index: jobs[-1] if index == len(order.legs) - 1 else None,
        )
        self._queue = SimpleNamespace(status=self._status)  # type: ignore[assignment]
        self._pace = SimpleNamespace(  # type: ignore[assignment]
            seconds=lambda record: 1.0, is_last_call=lambda *_: False
        )
        self.seen: Any = SimpleNamespace(order_id=b"1" * 32, terms=order, nonce=1)

    def _status(self, job_id: str) -> Any:
        return SimpleNamespace(
            id=job_id,
            state=self.state,
            reason="",
            created_at=self.created_at,
            model=FIRST.model_digest,
        )

    def _contracts_differ(self, *_: object) -> None:
        return None

    def _submit(self, seen: Any, index: int, compiled: Any, inputs: Any) -> None:
        self.submitted.append(compiled.record.system)

    def _give_up(self, seen: Any, job_id: str, why: str) -> None:
        self.given_up.append(job_id)

    def look(self, *legs: Any, now: int = 0) -> bool:
        """Serves the last leg."""
        order = SimpleNamespace(
            provider=ACCOUNT, settlement_window=600, grace_period=60, model_key=MODEL_KEY
        )
        seen: Any = SimpleNamespace(order=order, legs=legs, now=now)
        return self._serve(self.seen, seen, len(legs) - 1)


def open_leg(*selectors: bytes, deadline: int = 100) -> Any:
    """A locked leg that names these systems."""
    return SimpleNamespace(
        selector=selectors[0],
        others=b"".join(selectors[1:]),
        named=selectors,
        deadline=deadline,
        state=LegState.LOCKED,
    )


def test_another_system_is_tried_though_another_leg_could_no_more_be_served() -> None:
    order = terms(legs=(LegTerms(A, 100, 3_000), LegTerms(B + C, 100, 7_000)))
    provider = Served(order, [B])
    provider.state = JobState.FAILED
    provider.served = [SECOND, THIRD]
    assert provider.look(open_leg(A), open_leg(B, C))
    assert provider.submitted == ["c/v1"]


def test_a_system_that_was_withdrawn_does_not_end_its_work_first() -> None:
    provider = Served(terms(legs=(LegTerms(A + B, 100, 10_000),)), [A])
    assert not provider.look(open_leg(A, B))
    assert (provider.submitted, provider.given_up) == ([], [])
    provider.withdrawn = [A]
    assert provider.look(open_leg(A, B))
    assert (provider.submitted, provider.given_up) == (["b/v1"], [f"job {A.hex()}"])


def test_work_goes_on_where_nothing_could_take_its_place() -> None:
    provider = Served(terms(legs=(LegTerms(A + B, 100, 10_000),)), [A])
    provider.withdrawn = [A, B]
    assert not provider.look(open_leg(A, B))
    assert (provider.submitted, provider.given_up) == ([], [])


def test_a_job_that_let_its_time_pass_is_followed_by_another_system() -> None:
    provider = Served(terms(legs=(LegTerms(A + B, 100, 10_000),)), [A])
    asked: list[tuple[float, str, float]] = []

    def is_last_call(chosen: str, waited: float, other: Any, left: float) -> bool:
        asked.append((waited, other.record.system, left))
        return left <= 40

    provider._pace = SimpleNamespace(  # type: ignore[assignment]
        seconds=lambda record: 1.0, is_last_call=is_last_call
    )
    provider.created_at = 10_000
    assert not provider.look(open_leg(A, B), now=59)
    assert provider.look(open_leg(A, B), now=60)
    assert (provider.submitted, provider.given_up) == (["b/v1"], [f"job {A.hex()}"])
    assert asked == [(49.0, "b/v1", 41), (50.0, "b/v1", 40)]
    # What is done is delivered, and what names one system waits.
    assert not Served(terms(legs=(LegTerms(A, 100, 10_000),)), [A]).look(open_leg(A), now=60)
    provider.state = JobState.CANCELLED
    assert not provider.look(open_leg(A, B), now=60)


@pytest.mark.parametrize(
    ("waited", "left", "last"),
    [
        # It may still come: 1.5 * 20 s and 15 s.
        (44.0, 50.0, False),
        (45.0, 50.0, True),
        (45.0, 200.0, False),
        # Another one would be too late as well.
        (45.0, 19.0, False),
    ],
)
def test_another_system_begins_at_the_last_moment_at_which_it_is_in_time(
    monkeypatch: pytest.MonkeyPatch, waited: float, left: float, last: bool
) -> None:
    monkeypatch.setattr(Pace, "seconds", lambda self, record: 20.0)
    monkeypatch.setattr(Pace, "needed", lambda self, legs: 45.0)
    pace = Pace(None, 1, 20.0)  # type: ignore[arg-type]
    assert pace.is_last_call("0x", waited, SECOND, left) is last


def test_no_claim_takes_the_place_beside_an_attested_leg_while_there_is_another() -> None:
    claimed = selector_of(OPTIMISTIC)
    order = terms(
        legs=(LegTerms(selector_of(TEE), 100, 3_000), LegTerms(A + claimed + B, 100, 7_000))
    )
    provider = Served(order, [A])
    provider.state = JobState.FAILED
    provider._claiming = SimpleNamespace(check=lambda *_, **__: None, reserve=lambda *_: None)  # type: ignore[assignment]
    assert provider.look(open_leg(selector_of(TEE)), open_leg(A, claimed, B))
    # The claim stands first and costs as much.
    assert provider.submitted == ["b/v1"]


@pytest.mark.parametrize("refused", [True, False])
def test_what_the_chain_would_refuse_is_not_delivered_but_tried_by_another_system(
    monkeypatch: pytest.MonkeyPatch, refused: bool
) -> None:
    attested = selector_of(TEE)
    provider = Served(terms(legs=(LegTerms(attested + B, 100, 10_000),)), [attested])
    provider.state = JobState.PROVEN
    statement = SimpleNamespace(system=TEE, output=None, digest=lambda: b"d" * 32)
    bundle = SimpleNamespace(statement=statement)
    place = "avow.prover.nodes.provider."
    monkeypatch.setattr(place + "parse_bundle", lambda data: bundle)
    monkeypatch.setattr(place + "expected_statement", lambda *_: (statement, b""))
    monkeypatch.setattr(place + "check_claim", lambda *_: None)
    delivered: list[bytes] = []

    def deliver(signer: Any, order_id: bytes, index: int, selector: bytes, *rest: Any) -> Any:
        delivered.append(selector)
        return SimpleNamespace(gas_used=1)

    provider.market.deliver = deliver  # type: ignore[method-assign, assignment]
    provider._queue.bundle = lambda *_: b""  # type: ignore[method-assign]
    provider._address = lambda digest: "file:///x"
    provider._attested = SimpleNamespace(  # type: ignore[assignment]
        refusal=lambda *_: "KeyIsRevoked" if refused else None, missing=lambda *_: "no key"
    )
    assert provider.look(open_leg(attested, B))
    expected = (["b/v1"], []) if refused else ([], [attested])
    assert (provider.submitted, delivered) == expected
