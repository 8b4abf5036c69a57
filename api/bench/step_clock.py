"""How long each step of a compilation took."""

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class StepClock:
    """Told of steps as they end; `seconds` of each, from the moment that the one before ended."""

    last: float = field(default_factory=time.monotonic)
    seconds: dict[str, float] = field(default_factory=dict)

    def __call__(self, step: str, what: str) -> None:
        now = time.monotonic()
        self.seconds[step] = self.seconds.get(step, 0.0) + now - self.last
        self.last = now
