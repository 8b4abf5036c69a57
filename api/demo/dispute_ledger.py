"""What a scene did to the chain: who sent what, what it cost, and what everybody has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hexbytes import HexBytes

from avow.verifier.chain import artifacts
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.client import Chain, checksum, unchecksum
from avow.verifier.chain.market import Market
from avow.verifier.chain.orders import NOBODY
from avow.verifier.fields import to_hex
from avow.verifier.keccak import keccak256

# Where bonds go that nobody shall have: `BURNED` of the contract of claims.
BURNED = b"\xde\xad".rjust(20, b"\0")
_CONTRACTS = (
    "Claims",
    "Market",
    "PaymentToken",
    "ValidatorSet",
    "ModelRegistry",
    "AttestationKeys",
)


@dataclass(frozen=True, slots=True)
class Sent:
    """One transaction: who sent it, the function, its gas."""

    party: str
    function: str
    gas: int
    transaction: str


def balances(market: Market, claims: Claims, parties: Mapping[str, bytes]) -> dict[str, int]:
    """What each party has, in token units: tokens, credit at the market and at the claims."""
    return {
        name: market.affordable(account) + claims.credit(account)
        for name, account in parties.items()
    }


def sent_since(
    chain: Chain,
    block: int,
    parties: Mapping[str, bytes],
    places: Mapping[bytes, str] | None = None,
) -> list[Sent]:
    """The transactions of the parties in later blocks, oldest first.

    `places` names contracts by their addresses, where several have functions of one signature.
    """
    names = {account: name for name, account in parties.items()}
    functions = _functions()
    found = []
    with chain.speaking("reading blocks"):
        for number in range(block + 1, chain.head().number + 1):
            for raw in chain.w3.eth.get_block(number)["transactions"]:
                one = chain.w3.eth.get_transaction(HexBytes(raw))  # type: ignore[arg-type]
                party = names.get(unchecksum(str(one["from"])))
                if party is None:
                    continue
                receipt = chain.w3.eth.get_transaction_receipt(one["hash"])
                selector = bytes(one["input"])[:4]
                name = functions.get(selector, to_hex(selector))
                contract = (places or {}).get(unchecksum(str(one.get("to") or checksum(NOBODY))))
                if contract is not None:
                    name = f"{contract}.{name.rpartition('.')[2]}"
                found.append(Sent(party, name, int(receipt["gasUsed"]), to_hex(bytes(one["hash"]))))
    return found


def gas_by_party(sent: Iterable[Sent]) -> dict[str, int]:
    """The sum of each party's gas."""
    found: Counter[str] = Counter()
    for one in sent:
        found[one.party] += one.gas
    return dict(sorted(found.items()))


def to_json(sent: Iterable[Sent]) -> list[dict[str, Any]]:
    """Transactions for the report."""
    return [asdict(one) for one in sent]


def _functions() -> dict[bytes, str]:
    """Contract and function by selector."""
    found: dict[bytes, str] = {}
    for name in _CONTRACTS:
        for entry in artifacts.load(name).abi:
            if entry["type"] == "function":
                text = f"{entry['name']}({','.join(map(_type, entry['inputs']))})"
                found.setdefault(keccak256(text.encode())[:4], f"{name}.{entry['name']}")
    return found


def _type(entry: Mapping[str, Any]) -> str:
    kind = str(entry["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(_type, entry['components']))}){kind.removeprefix('tuple')}"
