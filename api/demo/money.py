"""Who was paid: read from the chain before and after, never computed from what was agreed."""

from collections.abc import Mapping
from dataclasses import dataclass

from avow.api.errors import DemoError
from avow.api.local.people import People
from avow.verifier.chain.client import Receipt, checksum
from avow.verifier.chain.events import Payout
from avow.verifier.chain.market import Market
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.transactions import PATIENT, send


@dataclass(frozen=True, slots=True)
class Purse:
    """What an account holds, in token units: tokens of its own, and credit at the market."""

    tokens: int
    credit: int

    @property
    def total(self) -> int:
        """Everything that is the account's."""
        return self.tokens + self.credit


def purses(market: Market, accounts: Mapping[str, bytes], block: int) -> dict[str, Purse]:
    """What each named account held at the end of a block."""
    found = {}
    for name, address in accounts.items():
        account = checksum(address)
        tokens = market.token.read("balanceOf", account, block=block)
        credit = market.contract.read("creditOf", account, block=block)
        found[name] = Purse(int(tokens), int(credit))
    return found


def payees(people: People) -> dict[str, bytes]:
    """Whom a settled order pays."""
    return {
        "provider": people.provider.address,
        "validator": people.validator.address,
        "owner": people.owner.address,
        "treasury": people.treasury.address,
    }


def check_payouts(
    before: Mapping[str, Purse],
    after: Mapping[str, Purse],
    paid: Payout,
    price: int,
    bond: int,
) -> dict[str, int]:
    """What each account gained, checked against the market's own event and the price.

    `before` is read while the provider's bond is locked, so the provider gains it back too;
    the returned figures leave the bond out. Raises `DemoError` when anything does not add up.
    """
    gained = {name: after[name].total - before[name].total for name in before}
    gained["provider"] -= bond
    said = {
        "provider": paid.provider,
        "validator": paid.validator,
        "owner": paid.royalty,
        "treasury": paid.treasury,
    }
    if gained != said:
        raise DemoError(f"balances moved by {gained}, the market's event says {said}")
    if sum(gained.values()) != price:
        raise DemoError(f"payouts sum to {sum(gained.values())}, the price was {price}")
    poor = sorted(name for name, amount in gained.items() if amount <= 0)
    if poor:
        raise DemoError(f"not everybody was paid: nothing for {', '.join(poor)}")
    return gained


def pay_out(market: Market, sender: Signer, accounts: Mapping[str, bytes]) -> list[Receipt]:
    """Turn every account's credit into tokens of its own, and check that nothing is left.

    Anybody may ask for it; the tokens go to whom the credit belongs.
    """
    receipts = []
    for name, address in accounts.items():
        held, owed = market.tokens(address), market.credit(address)
        call = market.contract.call("withdrawFor", checksum(address))
        receipts.append(send(market.chain, sender, call, PATIENT))
        if market.tokens(address) != held + owed or market.credit(address) != 0:
            raise DemoError(f"the {name}'s credit of {owed} did not arrive in full")
    left = market.tokens(market.contract.address)
    if left != 0:
        raise DemoError(f"the market still holds {left} token units that nobody is owed")
    return receipts
