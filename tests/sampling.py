"""A few of many cases in `make test`, all of them in `make campaign`."""

import os
import random
from collections.abc import Sequence
from typing import TypeVar

Case = TypeVar("Case")


def sampled(cases: Sequence[Case], count: int) -> list[Case]:
    """`count` of the cases in their order, others with every seed of a test run."""
    if os.environ.get("AVOW_TEST_CAMPAIGN") == "1" or len(cases) <= count:
        return list(cases)
    return [cases[at] for at in sorted(random.sample(range(len(cases)), count))]
