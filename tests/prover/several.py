"""A shop in which one model is compiled for several systems, and requests with legs."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest import mock

from avow.prover.asked_legs import AskedLeg
from avow.prover.attempt import Outcome, attempt
from avow.prover.bench import Bench
from avow.prover.catalogue import Compiled
from avow.prover.errors import RequestRefused
from avow.prover.inference import infer
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.request import Request
from avow.prover.systems import assurance
from avow.prover.systems.system import Limits, Tick
from avow.verifier.keccak import keccak256
from avow.verifier.policy import Policy
from avow.verifier.verdict import Assurance, Hides
from tests.prover.tiny import COMPILED, RECORD, Shop, TinySystem, check, request

TEE, CLAIM, PROOF, OTHER = "tee/v1", "optimistic/v1", "sumcheck/v1", "ezkl/v1"
TWO = (AskedLeg((CLAIM,), 10, 3000), AskedLeg((PROOF,), 3600, 7000))


def compiled(system: str, program: bytes = RECORD.program, memory: int = 1000) -> Compiled:
    """The tiny model for a system, of the one program unless the test says else."""
    record = replace(
        RECORD,
        system=system,
        key=keccak256(system.encode()),
        program=program,
        proving_memory_bytes=memory,
    )
    return replace(COMPILED, record=record)


@dataclass
class Several:
    """A catalogue in which the tiny model is compiled for several systems."""

    items: dict[str, Compiled] = field(
        default_factory=lambda: (
            {one: compiled(one) for one in (TEE, CLAIM, PROOF)}
            | {OTHER: compiled(OTHER, keccak256(b"another program"))}
        )
    )

    def find(
        self, model: str, system: str | None, record: str | None, hides: Hides | None = None
    ) -> Compiled:
        """The artifact of a system."""
        if system is None or system not in self.items:
            raise RequestRefused(f"system: {model!r} is not compiled for {system!r}")
        return self.items[system]

    def all(self) -> list[Compiled]:
        """Everything there is."""
        return list(self.items.values())


@dataclass
class Market(Shop):
    """A shop with one counting system for each id; those not `served` are not there.

    `worth` is what the check says of a system's bundles, where not what was asked of them.
    """

    several: Several = field(default_factory=Several)
    systems: dict[str, TinySystem] = field(
        default_factory=lambda: {one: TinySystem() for one in (TEE, CLAIM, PROOF)}
    )

    worth: dict[str, Assurance] = field(default_factory=dict)

    def bench(self, worker: str = "w1") -> Bench:
        """What workers use."""
        systems = dict(self.systems)
        found = super().bench(worker)
        return replace(found, catalogue=self.several, systems=systems, check=self._check)

    def _check(self, draft: Path, policy: Policy, limits: Limits, tick: Tick) -> Assurance:
        asked = check(draft, policy, limits, tick)
        (system,) = policy.systems or ("",)
        return self.worth.get(system, asked)

    def work(self, job_id: str, leg: int) -> Outcome:
        """Carries out one leg's proof."""
        # The tiny system has no enclave, whatever it is called here.
        with mock.patch.object(assurance, "own_terms", lambda *_: None):
            return attempt(self.bench(), job_id, leg, Task.PROVE, prove)


def open_market(shop: Shop) -> Market:
    """Over the same database."""
    found = Market(shop.config, shop.database, shop.clock)
    found.catalogue = found.several  # type: ignore[assignment]
    return found


def asked(*legs: AskedLeg, client_key: str | None = None) -> Request:
    """The request for a sum, by two legs unless the test says else."""
    return replace(request(), system=None, legs=legs or TWO, client_key=client_key)


def answered(market: Market, *legs: AskedLeg) -> str:
    """A job of these legs whose answer is published; its id."""
    job = market.queue.submit(asked(*legs))
    assert attempt(market.bench(), job.id, 0, Task.INFER, infer) is Outcome.DONE
    return job.id
