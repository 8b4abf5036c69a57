"""The npm package: what a contract developer installs, and that what its pages show compiles."""

import re
from pathlib import Path

import pytest

from tests.contracts.toolchain import CONTRACTS, ROOT, compile_as_consumer, packed_files

PAGES = [
    ROOT / "docs" / "how-to" / "request-inference-from-a-contract.md",
    CONTRACTS / "README.md",
]


def importing(path: str) -> str:
    """A source that imports one file of the package."""
    lines = ("// SPDX-License-Identifier: Apache-2.0", "pragma solidity ^0.8.28;")
    return "\n".join([*lines, f'import "@avow/contracts/{path}";', ""])


def test_the_package_holds_what_a_consumer_needs_and_nothing_else() -> None:
    """No market, no adapter, no test, no tool."""
    allowed = re.compile(
        r"package\.json|README\.md|LICENSE|src/(interfaces|types|consumer|examples)/\w+\.sol"
    )
    assert [path for path in packed_files() if not allowed.fullmatch(path)] == []
    for needed in (
        "src/consumer/AvowConsumer.sol",
        "src/interfaces/IAvowMarket.sol",
        "src/examples/DigitReader.sol",
        "src/examples/RiskAwareLendingPool.sol",
    ):
        assert needed in packed_files()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_pages_contracts_compile_against_the_package(page: Path) -> None:
    """Every Solidity block of a page compiles, without a warning, from the packed files alone."""
    blocks = re.findall(r"(?ms)^```solidity\n(.*?)^```$", page.read_text())
    assert blocks, f"{page.name} shows no contract"
    for number, block in enumerate(blocks):
        contracts = compile_as_consumer({f"Block{number}.sol": block})
        assert any(body["evm"]["bytecode"]["object"] for body in contracts.values())


def test_the_examples_compile_against_the_package() -> None:
    """The examples need no file that the package does not hold."""
    for path in packed_files():
        if path.startswith("src/examples/"):
            compile_as_consumer({"Entry.sol": importing(path)})


def test_a_page_that_names_a_file_outside_the_package_is_noticed() -> None:
    """The check can fail: the market's sources are not for consumers."""
    with pytest.raises(AssertionError, match="not in the package"):
        compile_as_consumer({"Entry.sol": importing("src/Market.sol")})
