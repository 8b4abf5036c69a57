"""The help texts in README.md are the ones the commands print."""

from pathlib import Path

import pytest

from tests.architecture.readme import blocks, help_text, refreshed

ROOT = Path(__file__).resolve().parents[2]

GOOD = "# X\n\n<!-- help:avow model -->\n```text\nold\n```\n<!-- /help -->\n\nEnd.\n"


def test_every_help_text_is_current() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = [command for command, _ in blocks(readme)]
    assert {"make", "avow", "avow verify"} <= set(commands)
    assert refreshed(readme, help_text) == readme, "run `make readme`"


def test_an_old_text_is_replaced_and_nothing_else() -> None:
    asked: list[str] = []

    def current(command: str) -> str:
        asked.append(command)
        return "new \\1\n"

    assert refreshed(GOOD, current) == GOOD.replace("old", "new \\1")
    assert asked == ["avow model"]


@pytest.mark.parametrize(
    "readme",
    [
        GOOD.replace("<!-- /help -->", ""),
        GOOD.replace("```text\n", ""),
        GOOD.replace("help:avow model", "help:Avow"),
        GOOD.replace("help:avow model", "help:rm -rf"),
    ],
)
def test_a_malformed_block_is_refused(readme: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        list(blocks(readme))
