"""Token units for the people of a development network, out of the deployer's supply."""

from avow.api.local.people import People
from avow.verifier.chain.client import Receipt, checksum
from avow.verifier.chain.market import Market
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.transactions import PATIENT, send

UNIT = 10**18
STAKE = 100 * UNIT
_PROVIDER = 1_000 * UNIT


def transfer(market: Market, sender: Signer, receiver: bytes, amount: int) -> Receipt:
    """Pay `amount` token units from one account to another."""
    call = market.token.call("transfer", checksum(receiver), amount)
    return send(market.chain, sender, call, PATIENT)


def endow(market: Market, people: People) -> None:
    """Give provider and validator what bond and stake need, unless they have it."""
    wanted = {people.provider.address: _PROVIDER}
    if not market.is_validator(people.validator.address):
        wanted[people.validator.address] = STAKE
    for account, amount in wanted.items():
        held = market.affordable(account)
        if held < amount:
            transfer(market, people.deployer, account, amount - held)


def shown(amount: int) -> str:
    """Token units as tokens."""
    return f"{amount / UNIT:.4f}"
