"""What a run found, as a file for programs to read."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from avow.api.local.output import write_output


@dataclass(slots=True)
class Report:
    """Filled while the demo runs. Amounts are token units, times seconds, gas as receipts say.

    `callback_value` is what the callback stored in the contract that asked, `expected_value`
    the float model's own class; `payouts` sum to `price`.
    """

    settled: bool = False
    callback_value: int | None = None
    expected_value: int | None = None
    label: int | None = None
    held_out_row: int | None = None
    model: str = ""
    order: str = ""
    statement: str = ""
    payouts: dict[str, int] = field(default_factory=dict)
    price: int = 0
    bond: int = 0
    offline_verdict: str = ""
    verdict: dict[str, Any] = field(default_factory=dict)
    unsafe_srs_refused_by_default: bool = False
    tampered_rejected: bool = False
    tampered: list[dict[str, str]] = field(default_factory=list)
    bundle_bytes: int = 0
    gas: dict[str, int] = field(default_factory=dict)
    steps: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    error: str | None = None

    def write(self, path: Path) -> None:
        """Replace the file as a whole."""
        write_output(path, (json.dumps(asdict(self), indent=2) + "\n").encode("ascii"))
