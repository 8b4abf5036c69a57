"""Reading what an audit judges: the job tables, the bundles in their folder, the chain's events."""

from collections import Counter
from random import Random

from sqlalchemy import func, select

from avow.prover.config import Config
from avow.prover.database import Database
from avow.prover.stores.folder import FolderStore
from avow.prover.tables import (
    AnswerRow,
    EvidenceRow,
    JobRow,
    PaymentRow,
    ProofRow,
    TransitionRow,
)
from avow.verifier.chain.events import LegSettled, OrderRequested
from avow.verifier.chain.market import Market
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.policy import Policy
from avow.verifier.verdict import Assurance
from avow.verifier.verify import verify
from tests.chaos.audit import Seen

_NO_ORDER = "0x" + ZERO_WORD.hex()


def jobs(config: Config, database: Database, rng: Random, checked: int) -> tuple[Seen, ...]:
    """Every job; the bundles of `checked` of them are verified as a stranger would."""
    with database.read() as session:
        rows = list(session.scalars(select(JobRow).order_by(JobRow.created_at, JobRow.id)))
        steps: dict[str, list[TransitionRow]] = {}
        for step in session.scalars(select(TransitionRow).order_by(TransitionRow.id)):
            steps.setdefault(step.job_id, []).append(step)
        proofs = {row.job_id: row for row in session.scalars(select(ProofRow))}
        answers = _counts(session.execute(_count(AnswerRow)).all())
        payments = _counts(session.execute(_count(PaymentRow)).all())
        legs = list(session.scalars(select(EvidenceRow)))
        bundles = {(row.job_id, row.leg) for row in session.scalars(select(ProofRow))}
    unmatched: dict[str, list[int]] = {}
    for leg in legs:
        if (leg.outcome == "proven") != ((leg.job_id, leg.leg) in bundles):
            unmatched.setdefault(leg.job_id, []).append(leg.leg)
    chosen = {row.id for row in rng.sample(rows, min(checked, len(rows)))}
    found = []
    for row in rows:
        history = steps.get(row.id, [])
        proof = proofs.get(row.id)
        found.append(
            Seen(
                id=row.id,
                key="" if row.order != _NO_ORDER else row.client_key or "",
                order="" if row.order == _NO_ORDER else row.order,
                state=row.state,
                answered=max(answers[row.id], _arrivals(history, "running", "answered")),
                proven=_arrivals(history, "proving", "proven"),
                payments=payments[row.id],
                recomputed=proof is not None and _recomputed(config, proof, history),
                verified=proof is not None and _verified(config, proof, row.id in chosen),
                unmatched=tuple(unmatched.get(row.id, ())),
            )
        )
    return tuple(found)


def orders(market: Market, requester: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The requester's orders, and one entry for every payment of any of them."""
    events = market.events(market.deployment.first_block, market.chain.head().number)
    asked = [
        "0x" + event.order_id.hex()
        for event in events
        if isinstance(event, OrderRequested) and event.requester == requester
    ]
    paid = ["0x" + event.order_id.hex() for event in events if isinstance(event, LegSettled)]
    return tuple(asked), tuple(paid)


def _count(table: type) -> object:
    return select(table.job_id, func.count()).group_by(table.job_id)  # type: ignore[attr-defined]


def _counts(rows: object) -> Counter[str]:
    return Counter(dict(rows))  # type: ignore[call-overload]


def _arrivals(history: list[TransitionRow], came_from: str, to: str) -> int:
    return sum(step.from_state == came_from and step.to_state == to for step in history)


def _recomputed(config: Config, proof: ProofRow, history: list[TransitionRow]) -> bool:
    """Whether the last attempt began after the bundle lay in the store, and proved all the same.

    A proof that is taken up from the store says so by a batch of 0.
    """
    began = max(
        step.at
        for step in history
        if step.to_state == "proving" and step.reason.startswith("attempt")
    )
    written = (config.bundles / proof.file).stat().st_mtime_ns // 1_000_000
    return written < began and proof.batch != 0


def _verified(config: Config, proof: ProofRow, wholly: bool) -> bool:
    data = FolderStore(config.bundles).read(proof.file, bytes.fromhex(proof.sha256[2:]))
    if not wholly:
        return True
    try:
        verdict = verify(data, Policy(unsafe_allow_unsafe_srs=True))
    except VerificationError:
        return False
    return verdict.assurance is Assurance.PROVEN
