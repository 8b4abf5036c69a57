"""Letting a contract take tokens of an account: as much as is needed, once it is needed."""

from avow.verifier.chain.client import checksum
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.errors import InsufficientFunds
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.transactions import Patience, send


def allow(token: Contract, signer: Signer, spender: bytes, amount: int, patience: Patience) -> None:
    """Makes sure that `spender` may take so many token units; raises InsufficientFunds."""
    if amount <= 0:
        return
    owner, to = checksum(signer.address), checksum(spender)
    held = int(token.read("balanceOf", owner))
    if held < amount:
        raise InsufficientFunds(f"{signer.shown} has {held} token units, {amount} are needed")
    if int(token.read("allowance", owner, to)) < amount:
        send(token.chain, signer, token.call("approve", to, amount), patience)
