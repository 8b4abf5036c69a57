"""What a chain says of a claim: its state in the contract `Claims`, proven for one block.

A block's hash is the root of all of the chain's state. Whoever knows that a block is of the chain,
and which contract's word counts, needs nobody else to see how a claim ended.
"""

import json
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib import resources

from avow.verifier.canonical import Json
from avow.verifier.fields import Fields, to_base64, to_hex
from avow.verifier.keccak import keccak256
from avow.verifier.systems.optimistic.patricia import decode, fields, refused, value_at

_MOST_NODES, _NODE_BYTES, _HEADER_BYTES = 64, 1024, 4096
# Places in a header and in an account's entry, and how many fields these have at least.
_STATE_ROOT, _NUMBER, _TIME, _HEADER_FIELDS = 3, 8, 11, 15
_STORAGE_ROOT, _ACCOUNT_FIELDS = 2, 4


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the checker knows of a chain: the contract `Claims` (20 bytes), a block's hash."""

    claims: bytes
    block: bytes

    def to_json(self) -> Json:
        """The object that `parse_anchor` reads."""
        return {"claims": to_hex(self.claims), "block": to_hex(self.block)}


def parse_anchor(value: Json) -> Anchor:
    """Read {claims, block}."""
    found = Fields(value, "anchor", {"claims", "block"})
    return Anchor(found.octets("claims", 20), found.octets("block", 32))


@dataclass(frozen=True, slots=True)
class Settlement:
    """A block's header, and the nodes that lead to the contract and to the claim in its storage."""

    header: bytes
    account: tuple[bytes, ...]
    storage: tuple[bytes, ...]

    def to_json(self) -> Json:
        """The object that `parse_settlement` reads."""
        return {
            "header": to_base64(self.header),
            "account": [to_base64(node) for node in self.account],
            "storage": [to_base64(node) for node in self.storage],
        }


def parse_settlement(value: Json) -> Settlement:
    """Read {header, account, storage}."""
    found = Fields(value, "settlement", {"header", "account", "storage"})

    def nodes(key: str) -> tuple[bytes, ...]:
        items = found.items(key, 1, _MOST_NODES)
        return tuple(Fields({key: one}, key, {key}).blob(key, _NODE_BYTES) for one in items)

    return Settlement(found.blob("header", _HEADER_BYTES), nodes("account"), nodes("storage"))


class ClaimState(IntEnum):
    """State of a claim; the numbers are the contract's."""

    NONE = 0
    STANDING = 1
    UPHELD = 2
    OVERTURNED = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """A claim as it was in a block; times are Unix seconds."""

    block: int
    time: int
    state: ClaimState
    window_end: int
    open: int

    @property
    def is_final(self) -> bool:
        """Whether nothing can overturn it any more: upheld, or its window over unchallenged."""
        if self.state is ClaimState.UPHELD:
            return True
        return self.state is ClaimState.STANDING and self.time > self.window_end and not self.open


@cache
def _storage() -> tuple[int, dict[str, tuple[int, int]]]:
    """The slot of the contract's claims, and the first bit and length of fields of its first word.

    They are the compiler's: the contracts' build writes the file.
    """
    text = (resources.files(__package__) / "claims_storage.json").read_text("utf-8")
    value = json.loads(text)
    return value["slot"], {name: (at, bits) for name, (at, bits) in value["fields"].items()}


def slot_of(claim_id: bytes) -> bytes:
    """The storage slot (32 bytes) of a claim's first word; a claim is its statement's leaf."""
    slot, _ = _storage()
    return keccak256(claim_id + slot.to_bytes(32, "big"))


def standing(settlement: Settlement, anchor: Anchor, claim_id: bytes) -> Standing:
    """The claim as it was in the checker's block.

    Raises `VerificationError` for another block, for nodes that do not lead to the claim, and for
    a claim that the contract did not know.
    """
    if keccak256(settlement.header) != anchor.block:
        raise refused("the settlement's block is not the one that the checker knows")
    header = fields(decode(settlement.header), _HEADER_FIELDS, "the block's header")
    entry = value_at(header[_STATE_ROOT], anchor.claims, settlement.account, "the contract")
    account = fields(decode(entry), _ACCOUNT_FIELDS, "the contract's account")
    slot = slot_of(claim_id)
    value = value_at(account[_STORAGE_ROOT], slot, settlement.storage, "the claim")
    word = decode(value)
    if not isinstance(word, bytes) or len(word) > 32:
        raise refused("the claim is no word of storage")
    number, places = int.from_bytes(word, "big"), _storage()[1]
    state, window_end, still_open = (
        number >> places[name][0] & (1 << places[name][1]) - 1
        for name in ("state", "windowEnd", "open")
    )
    if not ClaimState.STANDING <= state <= ClaimState.OVERTURNED:
        raise refused(f"the contract knows no claim of this statement (state {state})")
    block, time = (int.from_bytes(header[at], "big") for at in (_NUMBER, _TIME))
    return Standing(block, time, ClaimState(state), window_end, still_open)
