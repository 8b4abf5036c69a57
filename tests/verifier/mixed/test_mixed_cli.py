"""`avow verify A B --policy mixed.json`: what it prints and its exit status."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from avow.verifier import cli
from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.systems.system import Evidence, Findings
from tests.verifier.mixed.kinds import CLAIM, PROOF, SOON, Kind, bundle, single

pytestmark = pytest.mark.usefixtures("kinds")
BOTH: Json = {"all_of": [single(SOON, minimum_assurance="SETTLED"), single(PROOF)]}
OPEN: Json = {"all_of": [single(CLAIM, minimum_assurance="CHALLENGEABLE"), single(PROOF)]}
Given = Callable[..., list[str]]


@pytest.fixture
def given(tmp_path: Path) -> Given:
    """Files for a policy and for bundles of some systems, as arguments."""

    def arguments(evidence: Json, *systems: str, nonce: int = 7) -> list[str]:
        policy = tmp_path / "mixed.json"
        policy.write_text(json.dumps({"format": "avow-evidence/1", "evidence": evidence}))
        found = []
        for at, system in enumerate(systems):
            path = tmp_path / f"{at}.avow.json"
            path.write_bytes(bundle(system, nonce=nonce + at * (nonce != 7)).encode())
            found.append(str(path))
        return [*found, "--policy", str(policy)]

    return arguments


def test_accepted(given: Given, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(given(BOTH, SOON, PROOF)) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("ACCEPTED: 2 kinds of evidence\n")
    assert "  all_of[0]                COUNTS" in printed
    assert "ACCEPTED: SETTLED" in printed and "ACCEPTED: PROVEN" in printed


def test_accepted_as_json(given: Given, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*given(BOTH, SOON, PROOF), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["accepted"], value["final"]) == (True, True)
    assert [leg["verdict"]["system"] for leg in value["legs"]] == [SOON, PROOF]


def test_rejected_with_what_did_not_hold(given: Given, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(given(BOTH, SOON, CLAIM)) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("REJECTED at step evidence: all_of[1]: bundle 1 at policy: ")
    assert "  all_of[0]                HOLDS" in printed
    assert "  all_of[1]                DOES NOT HOLD" in printed
    assert cli.main([*given(BOTH, SOON, CLAIM), "--json"]) == 1
    value = json.loads(capsys.readouterr().out)
    assert (value["accepted"], value["step"]) == (False, "evidence")
    assert [part["held"] for part in value["evidence"]["parts"]] == [True, False]


def test_glued_together(given: Given, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(given(BOTH, SOON, PROOF, nonce=8)) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("REJECTED at step together: beside bundle 1, bundle 2 is about ")


def test_not_final(given: Given, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(given(OPEN, CLAIM, PROOF)) == 3
    assert capsys.readouterr().out.startswith("ACCEPTED: 2 kinds of evidence, not final\n")
    # What is refused is not open: something else than finality is missing.
    assert cli.main(given(OPEN, CLAIM)) == 1


def test_one_bundle_under_an_evidence_policy(given: Given) -> None:
    assert cli.main(given({"any_of": [single(SOON), single(PROOF)]}, PROOF)) == 0


def test_undecided_is_not_rejected(
    given: Given,
    kinds: dict[str, Kind],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def unable(evidence: Evidence) -> Findings:
        raise VerificationError("setup", "the checking package is missing")

    monkeypatch.setattr(kinds[SOON], "verify", unable)
    assert cli.main(given(BOTH, SOON, PROOF)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "avow-verify: error: undecided: the checking package is missing\n"


def test_too_many_bundles_are_wrong_use_not_a_refusal(
    given: Given, capsys: pytest.CaptureFixture[str]
) -> None:
    *bundles, flag, policy = given(BOTH, SOON, PROOF)
    for more in ([], ["--json"]):
        # Eight are judged, whatever is said of them; nine are not looked at.
        assert cli.main([*bundles * 4, flag, policy, *more]) == 0
        capsys.readouterr()
        assert cli.main([*bundles * 4, bundles[0], flag, policy, *more]) == 2
        printed = capsys.readouterr()
        said = "avow-verify: error: expected 1 to 8 bundles to judge together, got 9\n"
        assert (printed.out, printed.err) == ("", said)


def test_wrong_use_is_one_line(
    given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, flag, policy = given(BOTH, SOON, PROOF)
    assert cli.main([first, second]) == 2
    assert capsys.readouterr().err == (
        "avow-verify: error: several bundles: expected --policy with one of the format "
        "avow-evidence/1\n"
    )
    assert cli.main([first, str(tmp_path / "nowhere.json"), flag, policy]) == 2
    assert "nowhere.json: No such file" in capsys.readouterr().err
    Path(policy).write_text('{"format": "avow-policy/1"}')
    assert cli.main([first, second, flag, policy]) == 2
    printed = capsys.readouterr().err
    wanted = "expected a policy of the format avow-evidence/1, got one of 'avow-policy/1'"
    assert printed.startswith(f"avow-verify: error: {policy}: {wanted}")
    assert printed.count("\n") == 1
    assert cli.main([first, second, flag, policy, "--anchor", "0x", "0x"]) == 2
