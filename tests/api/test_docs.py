"""The index of the documentation leads to every page, and the tutorial works as it stands."""

import re
from pathlib import Path

from tests.api.processes import ROOT, run_script

DOCS = ROOT / "docs"
KINDS = ("tutorial", "how-to", "reference", "explanation")


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(([^)#]+\.md)\)", index))
    pages = {
        path.relative_to(DOCS).as_posix() for kind in KINDS for path in DOCS.glob(f"{kind}/*.md")
    }
    assert pages | {"formats.md"} <= linked


def test_the_tutorial_works(checkout: Path) -> None:
    page = (DOCS / "tutorial" / "first-proof.md").read_text(encoding="utf-8")
    blocks = re.findall(r"(?ms)^```sh\n(.*?)^```$", page)
    assert len(blocks) > 5
    # `avow` is in the path already; the checkout's own environment need not exist.
    said = run_script("".join(blocks).replace("$PWD/.venv/bin", "$PWD/bin"), checkout)
    assert "digits-mlp@1.0.0" in said
    assert "400 held-out rows, top-1 agreement 1.000000" in said
    assert re.search(r"(?m)^[0-9a-f]{32}  proven", said), said
    assert said.count("ACCEPTED: PROVEN") == 1
    assert re.search(r"(?m)^CHECKED", said), said
    assert said.rstrip().endswith("refused")
