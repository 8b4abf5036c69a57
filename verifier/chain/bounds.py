"""The bounds that the contracts have for their parameters, asked before anything is paid for."""

from collections.abc import Iterable

from avow.verifier.chain.claim_records import ClaimParameters
from avow.verifier.chain.errors import DeploymentRefused
from avow.verifier.chain.watch_records import WatchParameters

_HOUR, _DAY = 3_600, 86_400
_AMOUNT = 2**96 - 1
# Epochs for which a watch keeps committed roots.
_KEPT = 32

# Name, value, least, most.
Bound = tuple[str, int, int, int]


def market_bounds(grace_period: int, settlement_window: int) -> list[Bound]:
    """`MarketParametersLib.check`, of what a deployment chooses."""
    return [
        ("grace period", grace_period, 10, _DAY),
        ("settlement window", settlement_window, 2 * grace_period, 7 * _DAY),
    ]


def claim_bounds(claims: ClaimParameters) -> list[Bound]:
    """`ClaimParametersLib.check`."""
    return [
        ("claim bond", claims.claim_bond, 2, _AMOUNT),
        ("challenge bond", claims.challenge_bond, 1, claims.claim_bond // 2),
        ("clock", claims.clock, 300, _DAY),
        ("extension", claims.extension, 60, _HOUR),
        ("window", claims.window, max(600, 2 * claims.clock), 3 * _DAY),
        ("margin", claims.margin, 300, _DAY),
    ]


def watch_bounds(watch: WatchParameters) -> list[Bound]:
    """`WatchParametersLib.check`."""
    epoch, most = watch.epoch, max(1, watch.maximum_plants)
    before = watch.verdict_delay + watch.reveal_time
    return [
        ("epoch", epoch, 600, 7 * _DAY),
        ("verdict delay", watch.verdict_delay, 300, epoch - 1),
        ("reveal time", watch.reveal_time, epoch, 8 * epoch),
        ("answer time", watch.answer_time, _HOUR, (_KEPT - 1) * epoch - before),
        ("duty bps", watch.duty_bps, 1, 10_000),
        ("maximum plants", watch.maximum_plants, 1, 64),
        ("bounty", watch.bounty, 1, _AMOUNT),
        ("miss penalty", watch.miss_penalty, 1, _AMOUNT // (2 * most)),
        ("minimum stake", watch.minimum_stake, 2 * watch.silence_penalty, _AMOUNT),
    ]


def require_within(of: str, bounds: Iterable[Bound]) -> None:
    """Raises DeploymentRefused for the first value outside its bounds; `of` is what has them."""
    for name, value, least, most in bounds:
        if not least <= value <= most:
            raise DeploymentRefused(
                f"deployment: {of}: {name} must lie in [{least}, {most}], got {value}"
            )
