"""The contract that asks: deployed, funded, asked, read."""

from dataclasses import dataclass

from avow.api.local.tokens import transfer
from avow.verifier.chain.client import Receipt, checksum
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.deploy import create
from avow.verifier.chain.market import Market
from avow.verifier.chain.orders import selector_of
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.transactions import PATIENT, send
from avow.verifier.tensor import Tensor

LOCK_SECONDS = 300
DELIVERY_SECONDS = 900
CALLBACK_GAS = 200_000


@dataclass(frozen=True, slots=True)
class DigitReader:
    """The example consumer contract on a chain; `owner` may ask."""

    market: Market
    contract: Contract
    owner: Signer

    def fund(self, treasurer: Signer, amount: int) -> Receipt:
        """Give the contract `amount` token units to pay with."""
        return transfer(self.market, treasurer, self.contract.address, amount)

    def ask(self, image: Tensor, price: int, bond: int) -> tuple[bytes, Receipt]:
        """Request the digit of an image; the order's id."""
        terms = (price, bond, LOCK_SECONDS, DELIVERY_SECONDS, CALLBACK_GAS)
        counter = int(self.market.contract.read("counterOf", checksum(self.contract.address)))
        call = self.contract.call("ask", image.data(), terms)
        receipt = send(self.market.chain, self.owner, call, PATIENT)
        order = self.market.contract.read("orderIdOf", checksum(self.contract.address), counter)
        return bytes(order), receipt

    def last_digit(self) -> int:
        """The digit that the callback stored."""
        return int(self.contract.read("lastDigit"))

    def last_order(self) -> bytes:
        """The order whose answer it was."""
        return bytes(self.contract.read("lastOrder"))

    def digits_read(self) -> int:
        """How many answers it has received."""
        return int(self.contract.read("digitsRead"))


def deploy_reader(
    market: Market, owner: Signer, model_key: bytes, system: str
) -> tuple[DigitReader, Receipt]:
    """A new DigitReader that asks this registered model, proven by this system."""
    arguments = (
        checksum(market.contract.address),
        model_key,
        selector_of(system),
        checksum(owner.address),
    )
    placed, receipt = create(market.chain, owner, "DigitReader", arguments, PATIENT)
    contract = Contract(market.chain, "DigitReader", placed.address)
    return DigitReader(market, contract, owner), receipt
