"""An order's terms as text in the job database, and compared with what the market stores."""

from __future__ import annotations

from collections.abc import Sequence

from avow.verifier import canonical
from avow.verifier.canonical import Json
from avow.verifier.chain.orders import Leg, LegTerms, Order, OrderTerms
from avow.verifier.commitment import parse_commitment
from avow.verifier.fields import Fields, parse_hex, to_base64, to_hex
from avow.verifier.keccak import keccak256

_BYTES = 2**20
_KEYS = {
    "model_key",
    "input",
    "data",
    "uri",
    "legs",
    "price",
    "bond",
    "lock_deadline",
    "callback",
    "callback_gas",
}


def terms_text(terms: OrderTerms) -> str:
    """The terms as canonical JSON."""
    legs: list[Json] = [
        {
            # Several stand one after the other; of one this is what it always was.
            "selector": to_hex(leg.selectors),
            "deadline": str(leg.deadline),
            "share_bps": leg.share_bps,
        }
        for leg in terms.legs
    ]
    value: dict[str, Json] = {
        "model_key": to_hex(terms.model_key),
        "input": terms.input.to_json(),
        "data": to_base64(terms.input_data),
        # An address is somebody else's text; bytes keep whatever is in it.
        "uri": to_base64(terms.input_uri.encode("utf-8", "surrogatepass")),
        "legs": legs,
        "price": str(terms.price),
        "bond": str(terms.bond),
        "lock_deadline": str(terms.lock_deadline),
        "callback": to_hex(terms.callback),
        "callback_gas": terms.callback_gas,
    }
    return canonical.encode(value).decode("ascii")


def read_terms(text: str) -> OrderTerms:
    """Reads `terms_text`."""
    fields = Fields(canonical.parse(text.encode("ascii"), _BYTES, "terms"), "terms", _KEYS)
    legs = []
    for item in fields.items("legs", 1, 16):
        leg = Fields(item, "leg", {"selector", "deadline", "share_bps"})
        legs.append(
            LegTerms(
                _selectors(leg.text("selector")),
                leg.decimal("deadline", 64),
                leg.integer("share_bps", 0, 65_535),
            )
        )
    return OrderTerms(
        model_key=fields.octets("model_key", 32),
        input=parse_commitment(fields.raw("input")),
        input_data=fields.blob("data", _BYTES),
        input_uri=fields.blob("uri", _BYTES).decode("utf-8", "surrogatepass"),
        legs=tuple(legs),
        price=fields.decimal("price", 128),
        bond=fields.decimal("bond", 128),
        lock_deadline=fields.decimal("lock_deadline", 64),
        callback=fields.octets("callback", 20),
        callback_gas=fields.integer("callback_gas", 0, 2**32 - 1),
    )


def terms_digest(terms: OrderTerms) -> bytes:
    """keccak256 of the terms; an order's id alone may mean other terms after a re-organisation."""
    return keccak256(terms_text(terms).encode("ascii"))


def same_terms(terms: OrderTerms, nonce: int, order: Order, legs: Sequence[Leg]) -> bool:
    """Whether the market stores what was read from the event."""
    return (
        order.nonce == nonce
        and order.model_key == terms.model_key
        and order.input == terms.input
        and order.price == terms.price
        and order.bond == terms.bond
        and order.lock_deadline == terms.lock_deadline
        and len(legs) == len(terms.legs)
        and all(_same_leg(asked, leg) for asked, leg in zip(terms.legs, legs, strict=True))
    )


def _same_leg(asked: LegTerms, leg: Leg) -> bool:
    """A leg that was delivered names the chosen system alone."""
    if leg.delivered_at:
        systems = leg.selector in asked.named and not leg.others
    else:
        systems = leg.named == asked.named
    return systems and leg.deadline == asked.deadline and leg.share_bps == asked.share_bps


def _selectors(text: str) -> bytes:
    """One to four selectors of 4 bytes each."""
    return parse_hex(text, min(16, max(4, (len(text) - 2) // 8 * 4)), "leg.selector")
