"""`avow remote ask --legs`: told of every leg, believed only what was verified here, together."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from avow.api.cli.main import main
from avow.api.client import Client
from avow.verifier.bundle import parse_bundle
from avow.verifier.cli import main as verify
from avow.verifier.fields import to_hex
from avow.verifier.merkle import leaf
from avow.verifier.statement import Domain
from avow.verifier.systems.optimistic.claim import parse_claim
from avow.verifier.systems.optimistic.settlement import ClaimState
from avow.verifier.tensor import parse_tensor
from tests.api.client.provider import JOB, QUICK, Provider, ranged, reals
from tests.full_disk import full_disk
from tests.integration import court
from tests.integration.claimed import NEVER_FINAL, claim
from tests.verifier.optimistic.test_settlement import CLAIMS, word
from tests.verifier.optimistic.tries import chain

CLAIMED: dict[str, Any] = {"systems": ["optimistic/v1"], "minimum_assurance": "CHALLENGEABLE"}
PROVEN: dict[str, Any] = {"systems": ["sumcheck/v1"]}
TWO = [
    {"any_of": ["optimistic"], "within_seconds": 60, "share_bps": 3000},
    {"any_of": ["sumcheck"], "within_seconds": 3600, "share_bps": 7000},
]


class Legs(Provider):
    """A provider of as many legs as it is asked for; those in `late` never come.

    `gives` is the system whose bundle is given for a leg, in place of the leg's own.
    """

    late: tuple[int, ...] = ()
    gives: str = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        route = f"{request.method} {request.url.path.replace(JOB, '*')}"
        if route == "GET /v1/jobs/*":
            return httpx.Response(200, json=self.legs())
        return super().__call__(request)

    def legs(self) -> dict[str, Any]:
        """The job as it ended."""
        job = self.job("expired" if self.late else "challengeable")
        (one,) = job["evidence"]
        job["evidence"] = []
        for number, leg in enumerate(self.body["legs"]):
            system = leg["any_of"][0]
            found = one | {"leg": number, "system": system, "outcome": "proven", "reason": "shown"}
            if number in self.late:
                found |= {"outcome": "expired", "reason": "deadline passed\nwhile proving"}
            else:
                data = self.of(number)
                digest = hashlib.sha256(data).hexdigest()
                found |= {"bundle_sha256": "0x" + digest, "bundle_size": len(data)}
            job["evidence"].append(found)
        return job

    def of(self, number: int) -> bytes:
        """The bundle that is given for a leg."""
        system = self.gives or self.body["legs"][number]["any_of"][0]
        if system != "optimistic/v1":
            return self.data()
        values = tuple(map(parse_tensor, self.body["inputs"]))
        return claim(values, int(self.body["nonce"])).encode()

    def part(self, request: httpx.Request) -> httpx.Response:
        """The bundle of the leg that is asked for."""
        return ranged(self.of(int(request.url.params["leg"])), request)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Legs:
    """The provider that every `avow remote` of this test asks."""
    made = Legs()
    client = partial(Client, transport=made.transport, bounds=QUICK)
    monkeypatch.setattr("avow.api.client.Client", client)
    return made


@pytest.fixture
def ask(provider: Legs, tmp_path: Path) -> Callable[..., int]:
    """`ask(legs, evidence, *more)`; the exit status."""
    row = tmp_path / "row.json"
    row.write_text(json.dumps([reals()]))
    model = to_hex(court.made().artifact.model.digest())

    def run(legs: Any, evidence: Any = None, *more: str) -> int:
        words = ["remote", "--allow-unsafe-srs"]
        if evidence is not None:
            words += ["--policy", str(mixed(tmp_path, evidence))]
        asking = ["ask", model, "--input", str(row), "--idempotency-key", "the-same"]
        return main([*words, *asking, "--legs", json.dumps(legs), *more])

    return run


def mixed(folder: Path, evidence: Any) -> Path:
    """The file of an evidence policy."""
    path = folder / "mixed.json"

    def node(value: Any) -> Any:
        if "systems" in value:
            return {"policy": {"format": "avow-policy/1"} | value}
        return {kind: [node(part) for part in parts] for kind, parts in value.items()}

    path.write_text(json.dumps({"format": "avow-evidence/1", "evidence": node(evidence)}))
    return path


def test_each_leg_is_told_of_verified_and_kept(
    provider: Legs,
    ask: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked, answer = tmp_path / "asked.json", tmp_path / "answer.avow.json"
    files = ("--asked", str(asked), "--output", str(answer))
    assert ask(TWO, {"all_of": [CLAIMED, PROVEN]}, *files) == 3
    assert provider.body["legs"] == [
        {"any_of": ["optimistic/v1"], "within_seconds": 60, "share_bps": 3000},
        {"any_of": ["sumcheck/v1"], "within_seconds": 3600, "share_bps": 7000},
    ]
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "leg 0: optimistic/v1, proven: shown",
        "leg 1: sumcheck/v1, proven: shown",
        "challengeable",
    ]
    assert said.out.startswith("ACCEPTED: 2 kinds of evidence, not final\n")
    assert "ACCEPTED: CHALLENGEABLE" in said.out and "ACCEPTED: PROVEN" in said.out
    kept = [str(tmp_path / f"answer-{leg}.avow.json") for leg in (0, 1)]
    assert all(f"leg {leg}, {path}" in said.out for leg, path in enumerate(kept))
    # What was kept shows the same to anybody else; the asker can ask again from the file alone.
    policy = ["--policy", str(tmp_path / "mixed.json")]
    assert verify([*kept, *policy, "--allow-unsafe-srs"]) == 3
    capsys.readouterr()
    assert main(["remote", *policy, "result", str(asked)]) == 1
    assert "the SRS is unsafe" in capsys.readouterr().out


def test_on_a_full_disk_no_half_of_a_file_is_kept(
    provider: Legs, ask: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both, before = {"all_of": [CLAIMED, PROVEN]}, b"an earlier leg, whole"
    kept = tmp_path / "answer-0.avow.json"
    kept.write_bytes(before)
    assert ask(TWO, both) == 3
    capsys.readouterr()
    for option, name in (("--output", "answer.avow.json"), ("--asked", "asked.json")):
        path = tmp_path / name
        # There is room for the policy alone; the provider has made its bundles before.
        with full_disk(512):
            assert ask(TWO, both, option, str(path)) == 2
        said = capsys.readouterr()
        assert said.out == "" and said.err.endswith(": File too large\n")
        assert said.err.count("avow: error: cannot write ") == 1
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"answer-0.avow.json", "row.json", "mixed.json"}
    assert kept.read_bytes() == before


@pytest.mark.parametrize(("at", "over"), [(NEVER_FINAL - 1, False), (NEVER_FINAL, True)])
def test_the_time_to_judge_at_says_what_verify_says_at_it(
    provider: Legs,
    ask: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    at: int,
    over: bool,
) -> None:
    asked, answer = str(tmp_path / "asked.json"), str(tmp_path / "answer.avow.json")
    time, line = ("--at", str(at)), f"{NEVER_FINAL} is over: what became of the claim"
    both = {"all_of": [CLAIMED, PROVEN]}
    # Whatever a bundle says of its end: that does not make it final.
    assert ask(TWO, both, "--asked", asked, "--output", answer, *time) == 3
    said = capsys.readouterr().out
    assert (line in said) == over and "ACCEPTED: CHALLENGEABLE" in said
    policy = ["--policy", str(tmp_path / "mixed.json")]
    assert main(["remote", "--allow-unsafe-srs", *policy, "result", asked, *time]) == 3
    assert (line in capsys.readouterr().out) == over
    kept = [str(tmp_path / f"answer-{leg}.avow.json") for leg in (0, 1)]
    assert verify([*kept, *policy, "--allow-unsafe-srs", *time]) == 3
    assert (line in capsys.readouterr().out) == over


@pytest.mark.parametrize("lie", ["a chain upheld it", "it was an order's"])
def test_what_is_asked_over_http_is_settled_by_no_chain(
    provider: Legs,
    ask: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lie: str,
) -> None:
    right, anchors = provider.of, list[dict[str, str]]()

    def lying(leg: int) -> bytes:
        if leg != 0:
            return right(leg)
        bundle = parse_bundle(right(leg))
        statement, told = bundle.statement, parse_claim(bundle.proof)
        if lie == "it was an order's":
            domain = Domain(31337, b"\x22" * 20)
            statement = replace(statement, domain=domain, order=b"\x33" * 32)
            run = court.refuter(statement, court.honest_values(bundle.inputs or ()), court.MODEL)
            told = replace(told, trace=run.root, tensors=run.tensors)
        root = leaf(statement.digest())
        block, settlement = chain(CLAIMS, root, word(ClaimState.UPHELD), 70, 9_000)
        anchors.append({"claims": to_hex(CLAIMS), "block": to_hex(block)})
        proof = replace(told, settlement=settlement).to_json()
        return replace(bundle, statement=statement, proof=proof).encode()

    monkeypatch.setattr(provider, "of", lying)
    assert ask(TWO, {"all_of": [CLAIMED, PROVEN]}) == 1
    capsys.readouterr()
    # Not even where the asker knows that very block.
    assert ask(TWO, {"all_of": [CLAIMED | {"anchor": anchors[-1]}, PROVEN]}) == 1
    out = capsys.readouterr().out
    said = {
        "a chain upheld it": "no chain settles what was stated off chain",
        "it was an order's": "the policy asks for another domain",
    }
    assert out.startswith("REJECTED: ") and said[lie] in out


def test_legs_that_are_not_shown_are_named(
    provider: Legs, ask: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    provider.late = (0,)
    # The policy says what is enough.
    assert ask(TWO, {"any_of": [CLAIMED, PROVEN]}) == 0
    said = capsys.readouterr()
    assert said.out.startswith(
        "MISSING: leg 0 is expired: deadline passed while proving\nACCEPTED: 1 kinds of evidence\n"
    )
    assert ask(TWO, {"all_of": [CLAIMED, PROVEN]}) == 1
    out = capsys.readouterr().out
    assert out.startswith("REJECTED: ") and "all_of[0]                DOES NOT HOLD" in out
    # Without one every leg must be there.
    provider.keys.clear()
    assert ask([{"any_of": ["ezkl"]}, {"any_of": ["sumcheck"]}]) == 1
    assert "INCOMPLETE: 1 of 2 legs are shown" in capsys.readouterr().out
    provider.late = (0, 1)
    provider.keys.clear()
    assert ask(TWO, {"any_of": [CLAIMED, PROVEN]}) == 1
    assert capsys.readouterr().out.startswith("REJECTED: job 0f0f")


def test_a_provider_that_gives_one_bundle_for_two_legs_is_rejected(
    provider: Legs,
    ask: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    provider.gives = "sumcheck/v1"
    answer = tmp_path / "answer.avow.json"
    # Even where the one would be enough: the leg was asked for by another system.
    assert ask(TWO, {"any_of": [CLAIMED, PROVEN]}, "--output", str(answer)) == 1
    out = capsys.readouterr().out
    assert "leg 0: expected one of optimistic/v1, got sumcheck/v1" in out
    assert list(tmp_path.glob("answer*")) == []


def test_what_shows_nothing_is_not_kept_where_another_is_enough(
    provider: Legs,
    ask: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    right = provider.of
    monkeypatch.setattr(provider, "of", lambda leg: b"#!/bin/sh" if leg == 0 else right(leg))
    answer = tmp_path / "answer.avow.json"
    assert ask(TWO, {"any_of": [CLAIMED, PROVEN]}, "--output", str(answer)) == 0
    assert [path.name for path in tmp_path.glob("answer*")] == ["answer-1.avow.json"]
    assert "leg 0, NOT VERIFIED" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("legs", "line"),
    [
        ([], "legs: expected a list of 1 to 4 legs"),
        ([{"any_of": ["sumcheck"]}, {"any_of": ["sumcheck"]}], "is named twice"),
        ([{"any_of": ["nothing"]}], "unknown system 'nothing'"),
        (TWO, "leg 0 would be CHALLENGEABLE at most, the policy asks for PROVEN"),
    ],
    ids=str,
)
def test_legs_that_cannot_be_are_one_line_and_not_sent(
    provider: Legs,
    ask: Callable[..., int],
    legs: Any,
    line: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ask(legs) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and line in said.err
    assert ask(TWO, None, "--system", "sumcheck") == 2
    assert "neither --system nor --record" in capsys.readouterr().err
    assert ask(TWO, None, "--at", "soon") == 2
    assert "'soon' is not a valid integer" in capsys.readouterr().err
    assert provider.seen == []


def test_an_evidence_policy_is_for_several_legs(
    provider: Legs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = str(mixed(tmp_path, {"any_of": [PROVEN]}))
    assert main(["remote", "--policy", policy, "ask", "m", "--input", "x.json"]) == 2
    assert "go with --legs" in capsys.readouterr().err
    assert main(["remote", "ask", "m", "--input", "x.json", "--at", "7"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "--at: goes with --legs" in said
    assert provider.seen == []
