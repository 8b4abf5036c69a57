"""The verifier can be read in an afternoon, and no file needs a map."""

from pathlib import Path

from tests.architecture.budgets import (
    ARGUMENT_LINES,
    ATTESTATION_LINES,
    CODE,
    CORE_LINES,
    HALF_LINES,
    MIXED_LINES,
    PROGRAM_LINES,
    RELATION_LINES,
    TRACE_LINES,
    core_files,
    empty_names,
    halves,
    lines,
    long_share,
    written,
)

ROOT = Path(__file__).resolve().parents[2]


def test_the_verifiers_core_keeps_its_budget() -> None:
    files = core_files(ROOT / "verifier")
    assert ROOT / "verifier" / "verify.py" in files
    assert sum(map(lines, files)) < CORE_LINES


def test_the_integer_program_keeps_its_budget() -> None:
    files = list((ROOT / "verifier" / "program").glob("*.py"))
    assert ROOT / "verifier" / "program" / "semantics.py" in files
    assert sum(map(lines, files)) < PROGRAM_LINES


def test_the_relation_keeps_its_budget() -> None:
    files = list((ROOT / "verifier" / "relation").glob("*.py"))
    assert ROOT / "verifier" / "relation" / "views.py" in files
    assert sum(map(lines, files)) < RELATION_LINES


def test_what_arguments_are_made_of_keeps_its_budget() -> None:
    files = list((ROOT / "verifier" / "argument").glob("*.py"))
    assert ROOT / "verifier" / "argument" / "opening.py" in files
    assert sum(map(lines, files)) < ARGUMENT_LINES


def test_traces_and_their_refutations_keep_their_budget() -> None:
    files = list((ROOT / "verifier" / "trace").glob("*.py"))
    assert ROOT / "verifier" / "trace" / "refutation.py" in files
    assert sum(map(lines, files)) < TRACE_LINES


def test_attestation_keeps_its_budget() -> None:
    files = list((ROOT / "verifier" / "attestation").rglob("*.py"))
    assert ROOT / "verifier" / "attestation" / "steps.py" in files
    assert sum(map(lines, files)) < ATTESTATION_LINES


def test_judging_several_bundles_keeps_its_budget() -> None:
    files = list((ROOT / "verifier" / "mixed").glob("*.py"))
    assert ROOT / "verifier" / "mixed" / "evaluate.py" in files
    assert sum(map(lines, files)) < MIXED_LINES


def test_each_proof_systems_half_keeps_its_budget() -> None:
    sizes = halves(ROOT / "verifier")
    assert "ezkl" in sizes
    assert {name: size for name, size in sizes.items() if size >= HALF_LINES} == {}


def test_nine_files_in_ten_are_short() -> None:
    sizes = [lines(ROOT / path) for path in written(ROOT) if path.suffix in CODE]
    assert len(sizes) > 20
    assert long_share(sizes) <= 0.1


def test_every_name_says_something() -> None:
    assert empty_names(written(ROOT)) == []


def test_the_counting_sees_what_is_planted(tmp_path: Path) -> None:
    for name in (
        "verify.py",
        "chain/client.py",
        "relation/views.py",
        "systems/__init__.py",
        "systems/big.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x = 1\n" * (HALF_LINES if name == "systems/big.py" else 10))
    counted = [path.relative_to(tmp_path).as_posix() for path in core_files(tmp_path)]
    assert counted == ["systems/__init__.py", "verify.py"]
    assert halves(tmp_path) == {"big": HALF_LINES}
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "theirs.js").write_text("")
    assert [path.as_posix() for path in written(tmp_path)] == [
        "verify.py",
        "chain/client.py",
        "relation/views.py",
        "systems/__init__.py",
        "systems/big.py",
    ]
    assert long_share([601, 600, 10, 10]) == 0.25


def test_planted_names_are_found() -> None:
    planted = ["api/utils/x.py", "prover/common.py", "models/Helpers/a.py", "api/job_manager.py"]
    assert empty_names(map(Path, planted)) == planted
    assert empty_names([Path("prover/jobs.py"), Path("contracts/src/Market.sol")]) == []
