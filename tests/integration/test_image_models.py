"""LeNet-5 and an MLP, 784 public inputs each, through market, router, adapter and verifier."""

from collections.abc import Iterator
from dataclasses import replace
from math import prod

import pytest
from eth_abi.abi import decode, encode

from avow.circuits.sumcheck.artifact import load
from avow.circuits.sumcheck.blob import blob
from avow.circuits.sumcheck.compile import compile_model
from avow.circuits.sumcheck.plan import Target
from avow.prover.nodes.contracts import to_register
from avow.verifier.chain.registration import Registry, Royalty
from avow.verifier.chain.seals import batch_seal, seal
from avow.verifier.lifecycle import LegState
from tests.circuits.sumcheck.small import HOME, options, silent, stored
from tests.integration.town import OWNER, QUICK, VALIDATOR, Town
from tests.integration.trade import BODY, SELECTOR, Trade, flipped, forgeries

# EIP-170: of the account that holds a key's data, too.
MOST_CODE = 24_576
# Of one order's settlement, the first, which pays for fresh storage too; and of each of four.
MOST_GAS = {"lenet5": (830_000, 350_000), "mlp-784-64-10": (710_000, 400_000)}


@pytest.fixture(params=sorted(MOST_GAS))
def trade(request: pytest.FixtureRequest, bare_town: Town) -> Iterator[Trade]:
    """One of the models, compiled for gas and registered for proofs of one order and of four."""
    wish = options(target=Target.GAS, batch=4, bits=None, force=True)
    made = compile_model(stored(request.param), HOME, wish, HOME / "for-gas", silent)
    market = bare_town.market()
    found = to_register(made.artifact.folder, (4,), market.gas_cap(SELECTOR))
    registry = Registry(bare_town.chain, bare_town.deployment, QUICK)
    registered = registry.register(OWNER, found, Royalty(OWNER.address, 300))
    yield Trade(bare_town, made, registered, bare_town.config.bundles)


def test_orders_are_settled_alone_and_together_and_lies_refused(trade: Trade) -> None:
    name, town = trade.made.artifact.model.name, trade.town
    key = load(trade.made.artifact).key
    assert sum(prod(one.shape) for one in key.program.inputs) == 784
    assert max(len(blob(key, size)) for size in (1, 4)) <= MOST_CODE
    alone, together = MOST_GAS[name]

    first, other = trade.together([0]), trade.together([1])
    (order,), (mine,), (foreign,) = first.orders, first.bundles, other.bundles
    assert len(decode(BODY, seal(mine)[4:])[2]) <= 8_192
    lies = forgeries(mine, foreign)
    assert [lie for lie, forged in lies if trade.accepts(order, mine, forged)] == []
    output = b"".join(tensor.data() for tensor in mine.outputs)
    receipt = town.market().settle(VALIDATOR, order, 0, output, mine.path, seal(mine))
    assert town.state(order) is LegState.SETTLED
    assert receipt.gas_used <= alone, receipt.gas_used

    batch = trade.together(range(2, 6))
    items, made = batch.items(), batch_seal(batch.bundles[0]).shared
    _, proof = decode(["uint32", "bytes"], made[4:])
    for at in range(16, len(proof), len(proof) // 12):
        wrong = made[:4] + encode(["uint32", "bytes"], [4, flipped(proof, at)])
        assert trade.refuses_together(batch, items, wrong), f"proof byte {at}"
    x, y, opening = decode(BODY, items[1].part)
    for changed in ([flipped(x, 783), y, opening], [x, flipped(y, 3), opening], [x, y, b""]):
        lie = [items[0], replace(items[1], part=encode(BODY, changed)), *items[2:]]
        assert trade.refuses_together(batch, lie, made)
    done = town.market().settle_batch(
        VALIDATOR, trade.registered.model_key, batch.root, items, made
    )
    assert done.skipped == ()
    assert {town.state(order) for order in batch.orders} == {LegState.SETTLED}
    assert done.receipt.gas_used <= 4 * together, done.receipt.gas_used
