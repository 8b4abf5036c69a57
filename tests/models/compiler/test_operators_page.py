"""The page of operators lists what the compiler knows, no more and no less."""

import re
from pathlib import Path

from avow.models.compiler.lowering.table import LOWERINGS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "operators.md"


def test_the_page_lists_every_operator_once() -> None:
    """First column of the table."""
    rows = re.findall(r"^\| ([A-Z][A-Za-z, ]+) \|", PAGE.read_text(encoding="utf-8"), re.M)
    named = [name for row in rows for name in row.split(", ")]
    assert len(named) == len(set(named))
    assert set(named) == {*LOWERINGS, "Constant", "ConstantOfShape"}
