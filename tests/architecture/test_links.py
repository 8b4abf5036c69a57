"""Every link between the project's documents leads somewhere."""

import re
from pathlib import Path

import pytest

from tests.architecture.budgets import written

ROOT = Path(__file__).resolve().parents[2]

LINK = re.compile(r"\]\((?P<target>[^()\s]+)\)")
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def anchors(text: str) -> set[str]:
    """List the anchors that the headings of a document give."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(FENCED.sub("", text))
    }


def broken(document: Path) -> list[str]:
    """List the links of a document to files or headings that are not there."""
    text = document.read_text(encoding="utf-8")
    found = []
    for match in LINK.finditer(FENCED.sub("", text)):
        path, _, anchor = match["target"].partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = document.parent / path if path else document
        if not target.exists() or (
            anchor and anchor not in anchors(target.read_text(encoding="utf-8"))
        ):
            found.append(match["target"])
    return found


def test_no_link_is_broken() -> None:
    documents = [path for path in written(ROOT) if path.suffix == ".md"]
    assert Path("docs/how-to/develop.md") in documents
    assert {str(path): links for path in documents if (links := broken(ROOT / path))} == {}


@pytest.mark.parametrize("link", ["gone.md", "sub/gone.md", "#no-heading", "there.md#no-heading"])
def test_a_planted_broken_link_is_found(tmp_path: Path, link: str) -> None:
    (tmp_path / "there.md").write_text("# A heading, here\n")
    document = tmp_path / "document.md"
    document.write_text(
        f"# Own\n[a]({link}) [b](there.md) [c](there.md#a-heading-here) [d](#own)\n"
        "```\n[e](code.md)\n```\n[f](mailto:x)\n"
    )
    assert broken(document) == [link]
