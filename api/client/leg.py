"""One kind of evidence that is asked for beside others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from avow.api.client.errors import BadInput
from avow.verifier.canonical import Json
from avow.verifier.fields import Fields

_MOST = 4


@dataclass(frozen=True, slots=True)
class Leg:
    """Evidence by one of the systems `any_of`, `within_seconds` of the request.

    `share_bps` is its share of the price, in all legs or in none.
    """

    any_of: tuple[str, ...]
    within_seconds: int | None = None
    share_bps: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The object that the server and `parse_leg` read."""
        value: dict[str, Any] = {"any_of": list(self.any_of)}
        for name in ("within_seconds", "share_bps"):
            if getattr(self, name) is not None:
                value[name] = getattr(self, name)
        return value


def parse_leg(value: Json) -> Leg:
    """Read what `Leg.to_json` gave; raises VerificationError."""
    fields = Fields(value, "leg", {"any_of"}, {"within_seconds", "share_bps"})
    systems = [
        Fields({"id": item}, "leg.any_of", {"id"}).name("id")
        for item in fields.items("any_of", 1, _MOST)
    ]
    within = fields.integer("within_seconds", 1, 2**32) if fields.has("within_seconds") else None
    share = fields.integer("share_bps", 1, 10_000) if fields.has("share_bps") else None
    return Leg(tuple(systems), within, share)


def checked_legs(legs: Sequence[Leg]) -> tuple[Leg, ...]:
    """The legs with whole names of systems; raises BadInput for what no job can have."""
    found = tuple(
        Leg(
            tuple(name if "/" in name else f"{name}/v1" for name in leg.any_of),
            leg.within_seconds,
            leg.share_bps,
        )
        for leg in legs
    )
    systems = [system for leg in found for system in leg.any_of]
    if not 1 <= len(found) <= _MOST or not all(1 <= len(leg.any_of) <= _MOST for leg in found):
        raise BadInput(f"legs: expected 1 to {_MOST} legs of 1 to {_MOST} systems each")
    if len(set(systems)) != len(systems):
        raise BadInput("legs: a system is named twice")
    return found
