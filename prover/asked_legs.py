"""The legs that a caller asks for: which kinds of evidence, until when, for which share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from avow.prover.catalogue import Catalogue, Compiled, system_id
from avow.prover.errors import RequestRefused
from avow.verifier.systems.table import SYSTEMS
from avow.verifier.verdict import Hides

MOST_LEGS = 4
MOST_ALTERNATIVES = 4
WHOLE_BPS = 10_000
MOST_SECONDS = 30 * 24 * 3600
_SYSTEM = re.compile(r"[\x21-\x7e]{1,64}")
_KEYS = {"any_of", "within_seconds", "share_bps"}


@dataclass(frozen=True, slots=True)
class AskedLeg:
    """Evidence by one of `any_of`, `within_seconds` of the request, for a share of the price.

    `within_seconds` None: as long as any job may take here.
    """

    any_of: tuple[str, ...]
    within_seconds: int | None = None
    share_bps: int = WHOLE_BPS


def parse_legs(value: object) -> tuple[AskedLeg, ...]:
    """Reads the JSON form: a list of objects; raises RequestRefused.

    `share_bps` may be left out of all legs, which then share evenly.
    """
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_LEGS:
        got = len(value) if isinstance(value, list) else type(value).__name__
        raise RequestRefused(f"legs: expected a list of 1 to {MOST_LEGS} legs, got {got}")
    given = [item for item in value if isinstance(item, Mapping) and "share_bps" in item]
    if given and len(given) != len(value):
        raise RequestRefused("legs: expected share_bps in each of them or in none")
    even = [WHOLE_BPS // len(value)] * len(value)
    even[0] += WHOLE_BPS - sum(even)
    return tuple(_leg(item, at, even[at]) for at, item in enumerate(value))


def check_legs(legs: Sequence[AskedLeg]) -> None:
    """Refuses legs that no job can have, with RequestRefused."""
    if len(legs) > MOST_LEGS:
        raise RequestRefused(f"legs: expected at most {MOST_LEGS} legs, got {len(legs)}")
    seen: set[str] = set()
    for at, leg in enumerate(legs):
        where = f"legs[{at}]"
        if not 1 <= len(leg.any_of) <= MOST_ALTERNATIVES:
            said = f"1 to {MOST_ALTERNATIVES} systems, got {len(leg.any_of)}"
            raise RequestRefused(f"{where}.any_of: expected {said}")
        for system in leg.any_of:
            if system not in SYSTEMS:
                known = ", ".join(sorted(SYSTEMS))
                raise RequestRefused(
                    f"{where}.any_of: unknown system {system[:60]!r}; known: {known}"
                )
            if system in seen:
                raise RequestRefused(f"{where}.any_of: {system!r} is named twice in the legs")
            seen.add(system)
        if not 1 <= leg.share_bps <= WHOLE_BPS:
            said = f"a number from 1 to {WHOLE_BPS}, got {leg.share_bps}"
            raise RequestRefused(f"{where}.share_bps: expected {said}")
        within = leg.within_seconds
        if within is not None and not 1 <= within <= MOST_SECONDS:
            said = f"a number from 1 to {MOST_SECONDS}, got {within}"
            raise RequestRefused(f"{where}.within_seconds: expected {said}")
    total = sum(leg.share_bps for leg in legs)
    if legs and total != WHOLE_BPS:
        raise RequestRefused(f"legs: expected shares of {WHOLE_BPS} in all, got {total}")


def find_legs(
    catalogue: Catalogue, model: str, legs: Sequence[AskedLeg], hides: Hides | None
) -> tuple[tuple[Compiled, ...], ...]:
    """The artifacts of each leg's alternatives; raises RequestRefused.

    All must be of one program, with outputs that mean the same and an input that is bound alike,
    since the job has one answer.
    """
    found = tuple(
        tuple(_find(catalogue, model, system, hides, at) for system in leg.any_of)
        for at, leg in enumerate(legs)
    )
    everything = [one.record for alternatives in found for one in alternatives]
    first = everything[0]
    for other in everything[1:]:
        alike = (
            other.program == first.program
            and other.outputs == first.outputs
            and other.input_visibility == first.input_visibility
        )
        if not alike:
            raise RequestRefused(
                f"legs: {other.system!r} is about another program than {first.system!r}: "
                "all legs of a job must have the same answer"
            )
    return found


def _find(catalogue: Catalogue, model: str, system: str, hides: Hides | None, at: int) -> Compiled:
    try:
        return catalogue.find(model, system, None, hides)
    except RequestRefused as error:
        raise RequestRefused(f"legs[{at}]: {error}") from error


def _leg(value: object, at: int, even: int) -> AskedLeg:
    where = f"legs[{at}]"
    if not isinstance(value, Mapping):
        raise RequestRefused(f"{where}: expected an object, got {type(value).__name__}")
    unknown = sorted(repr(key)[:40] for key in value.keys() - _KEYS)
    if unknown:
        raise RequestRefused(f"{where}: unknown {', '.join(unknown[:5])}")
    names = value.get("any_of")
    if not isinstance(names, list) or not all(_is_system(name) for name in names):
        raise RequestRefused(f"{where}.any_of: expected a list of systems, got {_short(names)}")
    return AskedLeg(
        tuple(system_id(name) for name in names),
        _number(value, "within_seconds", where),
        even if (share := _number(value, "share_bps", where)) is None else share,
    )


def _is_system(name: object) -> bool:
    return isinstance(name, str) and bool(_SYSTEM.fullmatch(name))


def _number(value: Mapping[str, Any], key: str, where: str) -> int | None:
    item = value.get(key)
    if item is not None and (isinstance(item, bool) or not isinstance(item, int)):
        raise RequestRefused(f"{where}.{key}: expected a number, got {_short(item)}")
    return item


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
