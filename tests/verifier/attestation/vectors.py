"""Evidence of real hardware, which lies beside the checkout and is not part of it.

`SOURCES.txt` in the folder says where each file comes from and what it must give, and when.
"""

import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[4] / "shared" / "vectors" / "tee"

# The times at which the evidence verifies, in Unix seconds.
JULY_2025, MARCH_2026 = 1_751_328_000, 1_772_700_000


def read(name: str) -> bytes:
    """The bytes of a file; where it is missing, fail with CI=true, else skip."""
    path = FOLDER / name
    if not path.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"with CI=true the evidence must be there: {path.name}")
        pytest.skip(f"{path.name} is not there")
    return path.read_bytes()
