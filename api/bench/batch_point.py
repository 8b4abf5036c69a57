"""Measures proofs of several answers of one model: time, memory, bytes, checks, and settlement."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median
from typing import Any

from avow.api.bench.order import Desk
from avow.api.bench.statements import off_chain
from avow.api.errors import BenchError
from avow.models.schema import quantise_row
from avow.models.store import StoredModel
from avow.prover.catalogue import Compiled
from avow.prover.nodes.batches import Batches, calldata_bytes
from avow.prover.systems.sumcheck.system import Made, SumcheckProver, key_json, proof_json
from avow.prover.systems.system import Limits, Proof
from avow.verifier import merkle
from avow.verifier.bundle import Bundle
from avow.verifier.chain.orders import Order
from avow.verifier.commitment import commit_public
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256
from avow.verifier.policy import Policy
from avow.verifier.statement import Statement
from avow.verifier.tensor import Tensor
from avow.verifier.verify import verify, verify_together

Say = Callable[[str], None]
_POLICY = Policy(unsafe_allow_unsafe_srs=True)


@dataclass(frozen=True, slots=True)
class Station:
    """Where batches of one model are measured; without a desk nothing is settled."""

    stored: StoredModel
    compiled: Compiled
    prover: SumcheckProver
    limits: Limits
    desk: Desk | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """One answer that is asked for, and what a proof of it must be of."""

    inputs: tuple[Tensor, ...]
    order: Order | None
    statement: Statement


def measure_batch(station: Station, size: int, proofs: int, say: Say) -> dict[str, Any]:
    """One row of the report: `proofs` proofs of `size` answers each in a kept process.

    Times are in seconds: `prove_s` is the median of a proof, `verify_s` the check of one bundle
    by itself, `check_s` that of all bundles of a proof together, as a worker does it. `gas` is
    that of the transactions which settle all of them, None without a chain.
    """
    say(f"batch {size}: answer")
    asked = [_ask(station, row) for row in range(size)]
    root, paths = merkle.build([one.statement.digest() for one in asked])
    inputs = [one.inputs for one in asked]

    def prove() -> Made:
        return station.prover.make(
            station.compiled, inputs, root, station.limits, lambda stage, percent: None
        )

    say(f"batch {size}: prove")
    # The first proof of a size makes ready what later ones find.
    made = prove()
    seconds = []
    for _ in range(proofs):
        began = time.perf_counter()
        made = prove()
        seconds.append(time.perf_counter() - began)
    material = key_json(station.compiled)
    openings = made.openings or (b"",)
    bundles = [
        _bundle(station, one, path, Proof(outputs, proof_json(made.proof, size, opening), material))
        for one, path, outputs, opening in zip(asked, paths, made.outputs, openings, strict=True)
    ]
    encoded = [bundle.encode() for bundle in bundles]
    say(f"batch {size}: verify")
    began = time.perf_counter()
    verify(encoded[-1], _POLICY)
    verify_seconds = time.perf_counter() - began
    began = time.perf_counter()
    for verdict in verify_together([(data, _POLICY) for data in encoded]):
        if isinstance(verdict, VerificationError):
            raise verdict
    check_seconds = time.perf_counter() - began
    row = {
        "batch": size,
        "prove_s": round(median(seconds), 6),
        "verify_s": round(verify_seconds, 6),
        "check_s": round(check_seconds, 6),
        "peak_rss_bytes": made.peak_rss_bytes,
        "proof_bytes": len(made.proof),
        "bundle_bytes": max(map(len, encoded)),
        "gas": None,
        "calldata_bytes": None,
        "transactions": None,
    }
    if station.desk is not None:
        say(f"batch {size}: settle")
        row |= _settle(station.desk, asked, bundles)
    return row


def _ask(station: Station, row: int) -> _Asked:
    rows, record = station.stored.held_out(), station.compiled.record
    if rows is None:
        raise BenchError(f"{station.stored.record.name} has no held-out rows")
    inputs = tuple(quantise_row(station.stored.record, rows, row % len(rows)))
    answered = station.prover.answer(
        station.compiled, inputs, bytes(32), station.limits, lambda stage, percent: None
    )
    if station.desk is not None:
        order = station.desk.open(inputs)
        output = commit_public(answered.outputs)
        return _Asked(inputs, order, station.desk.statement(order, output))
    return _Asked(inputs, None, off_chain(record, inputs, answered.outputs, 1 + row))


def _bundle(station: Station, one: _Asked, path: merkle.Path, proof: Proof) -> Bundle:
    return Bundle(
        statement=one.statement,
        path=path,
        model=station.compiled.model,
        system=station.compiled.record,
        signature=None,
        inputs=one.inputs,
        salt=None,
        outputs=proof.outputs,
        proof=proof.proof,
        material=proof.material,
    )


def _settle(desk: Desk, asked: Sequence[_Asked], bundles: Sequence[Bundle]) -> dict[str, int]:
    """By as many transactions as a validator sends."""
    orders = [one.order for one in asked if one.order is not None]
    if len(orders) == 1:
        settled = desk.settle(orders[0], bundles[0])
        return {"gas": settled.gas, "calldata_bytes": settled.calldata_bytes, "transactions": 1}
    batches = Batches()
    for order, bundle in zip(orders, bundles, strict=True):
        desk.deliver(order, bundle.statement.output, keccak256(bundle.encode()))
        batches.add(order, 0, bundle, now=0.0, deadline=inf)
    gas, sent = 0, []
    for gathered in batches.due(inf):
        done = gathered.settle(desk.market, desk.people.validator)
        if done.skipped:
            raise BenchError(f"the market left out {len(done.skipped)} of {len(orders)} orders")
        gas += done.receipt.gas_used
        sent.append(calldata_bytes(gathered.items, len(gathered.seal)))
    return {"gas": gas, "calldata_bytes": sum(sent), "transactions": len(sent)}
