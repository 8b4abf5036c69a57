"""Claims settled for `avow verify` by a node's word, checked against its block's hash."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from avow.api.cli.main import main as run_command
from avow.verifier.bundle import parse_bundle
from avow.verifier.chain.anvil import running_anvil
from avow.verifier.chain.client import Chain
from avow.verifier.chain.errors import RpcRefused
from avow.verifier.chain.settlement import fetch
from avow.verifier.cli import main as verify_offline
from avow.verifier.errors import VerificationError
from avow.verifier.limits import LIMITS
from avow.verifier.statement import Domain
from avow.verifier.systems.optimistic.claim import parse_claim
from avow.verifier.systems.optimistic.settlement import ClaimState, slot_of, standing
from tests.programs.claims import every_case
from tests.verifier.optimistic.test_settlement import CLAIM_ID, CLAIMS, WINDOW_END, word

CASE = replace(every_case(), domain=Domain(31337, b"\x22" * 20))
ADDRESS = "0x" + CLAIMS.hex()


class Ledger:
    """A chain on which a claim is in whatever state a test wants."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(timeout=30)
        # The contract has other claims, and the chain other accounts.
        self.rpc("anvil_setCode", ADDRESS, "0x00")
        for at in range(60):
            self.rpc("anvil_setBalance", "0x" + f"{at:02x}" * 20, "0x1")
            self.stores(bytes([at]) * 32, at + 1)
        self.mine()

    def rpc(self, method: str, *parameters: object) -> Any:
        """A call of the node."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
        answer = self.http.post(self.url, json=request).json()
        assert "error" not in answer, answer
        return answer["result"]

    def stores(self, claim_id: bytes, value: int) -> None:
        """Writes a claim's first word."""
        slot = "0x" + slot_of(claim_id).hex()
        self.rpc("anvil_setStorageAt", ADDRESS, slot, f"0x{value:064x}")

    def mine(self, count: int = 1) -> None:
        """New blocks."""
        self.rpc("anvil_mine", hex(count))


@pytest.fixture(scope="module")
def ledger(contracts_folder: Path) -> Iterator[Ledger]:
    """A chain of its own."""
    with running_anvil(contracts_folder) as node:
        ledger = Ledger(node.url)
        yield ledger
        ledger.http.close()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """An answer that was claimed for an order, and a policy that takes claims."""
    path = tmp_path / "answer.avow.json"
    path.write_bytes(CASE.bundle().encode())
    policy = '{"format": "avow-policy/1", "minimum_assurance": "CHALLENGEABLE"}'
    (tmp_path / "policy.json").write_text(policy)
    return path


def asked(bundle: Path, ledger: Ledger, *options: str) -> int:
    """The exit status of `avow verify` of the bundle, with a node to ask."""
    wanted = str(bundle.parent / "policy.json")
    node = ["--chain", ledger.url, "--claims", ADDRESS]
    return run_command(["verify", str(bundle), "--policy", wanted, *node, *options])


def test_a_nodes_proof_leads_from_its_blocks_hash_to_the_claim(ledger: Ledger) -> None:
    ledger.stores(CLAIM_ID, word(ClaimState.STANDING, 2))
    ledger.mine()
    anchor, found = fetch(Chain(ledger.url, 31337), CLAIMS, CLAIM_ID, "latest")
    assert found is not None
    raw = ledger.rpc("eth_getBlockByNumber", "latest", False)
    assert "0x" + anchor.block.hex() == raw["hash"]
    then = standing(found, anchor, CLAIM_ID)
    assert (then.block, then.time) == (int(raw["number"], 16), int(raw["timestamp"], 16))
    assert (then.state, then.open, then.window_end) == (ClaimState.STANDING, 2, WINDOW_END)
    # The block that was is still proven after the state has changed. What is set changes the newest
    # block's own state: it must not be this one.
    ledger.mine()
    ledger.stores(CLAIM_ID, word(ClaimState.OVERTURNED))
    ledger.mine()
    before, again = fetch(Chain(ledger.url), CLAIMS, CLAIM_ID, str(then.block))
    assert (before, again) == (anchor, found)
    with pytest.raises(VerificationError, match="the claim: "):
        standing(found, anchor, bytes(32))


@pytest.mark.parametrize(
    ("state", "still_open", "status", "said"),
    [
        (ClaimState.UPHELD, 0, 0, "ACCEPTED: SETTLED"),
        (ClaimState.STANDING, 0, 0, "ACCEPTED: SETTLED"),
        (
            ClaimState.STANDING,
            1,
            3,
            f"CHALLENGEABLE until {WINDOW_END} (says the chain)",
        ),
        (ClaimState.OVERTURNED, 0, 1, "REJECTED at step proof: the claim was overturned"),
    ],
)
def test_the_command_says_what_became_of_a_claim(
    ledger: Ledger,
    bundle: Path,
    capfd: pytest.CaptureFixture[str],
    state: ClaimState,
    still_open: int,
    status: int,
    said: str,
) -> None:
    ledger.stores(CLAIM_ID, word(state, still_open))
    ledger.mine()
    assert asked(bundle, ledger, "--block", "latest") == status
    assert said in capfd.readouterr().out


def test_of_several_files_the_claim_is_asked_about(
    ledger: Ledger, bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As with `--split`: another part's bundle stands before it, and a policy."""
    ledger.stores(CLAIM_ID, word(ClaimState.UPHELD))
    ledger.mine()
    policy, kept = str(bundle.parent / "policy.json"), bundle.parent / "kept.avow.json"
    node = ["--chain", ledger.url, "--claims", ADDRESS, "--block", "latest", "--keep", str(kept)]
    run_command(["verify", "--policy", policy, policy, str(bundle), *node])
    capfd.readouterr()
    assert parse_claim(parse_bundle(kept.read_bytes()).proof).settlement is not None


def test_what_is_no_bundle_is_refused_as_without_a_node(
    ledger: Ledger, bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, policy = bundle.parent, str(bundle.parent / "policy.json")
    node = ["--chain", ledger.url, "--claims", ADDRESS, "--block", "latest"]
    cut, large, gone = folder / "cut.json", folder / "large.json", folder / "gone.json"
    cut.write_bytes(bundle.read_bytes()[:-1])
    with large.open("wb") as stream:
        stream.truncate(4 * LIMITS.bundle_bytes)
    for path, status in ((cut, 1), (large, 1), (Path(policy), 1), (gone, 2), (folder, 2)):
        offline = run_command(["verify", "--policy", policy, str(path)])
        said = capfd.readouterr()
        assert offline == status, path
        assert run_command(["verify", "--policy", policy, str(path), *node]) == status, path
        assert capfd.readouterr() == said, path


def test_a_bundle_that_no_chain_knows_and_options_that_contradict_are_refused(
    ledger: Ledger, bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    node = ["--chain", ledger.url, "--claims", ADDRESS]
    other = bundle.parent / "other.avow.json"
    other.write_bytes(every_case().bundle().encode())
    for arguments, said in (
        ([str(other), *node], "--chain: expected a bundle of optimistic/v1 for an order"),
        ([str(bundle), *node, "--anchor", ADDRESS, "0x" + "11" * 32], "--anchor: expected none"),
        ([str(bundle), "--block", "7"], "--claims, --block and --keep belong to --chain"),
    ):
        assert run_command(["verify", *arguments]) == 2
        printed = capfd.readouterr()
        assert said in printed.err and printed.err.count("\n") == 1 and not printed.out


def test_what_was_kept_is_checked_without_a_node(
    ledger: Ledger, bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ledger.stores(CLAIM_ID, word(ClaimState.UPHELD))
    ledger.mine()
    kept, policy = bundle.parent / "kept.avow.json", str(bundle.parent / "policy.json")
    assert asked(bundle, ledger, "--block", "latest", "--keep", str(kept)) == 0
    line = capfd.readouterr().err
    known = line.split(": ", 1)[1].split()
    assert known[:2] == ["--anchor", ADDRESS]
    assert verify_offline([str(kept), "--policy", policy, *known]) == 0
    assert verify_offline([str(kept), "--policy", policy]) == 3
    assert verify_offline([str(bundle), "--policy", policy, *known]) == 3
    assert verify_offline([str(kept), "--policy", policy, *known[:2], "0x" + "11" * 32]) == 1
    # Nothing but the proof was added.
    added = replace(parse_claim(parse_bundle(kept.read_bytes()).proof), settlement=None)
    assert added == CASE.claim()


def test_by_default_a_block_that_is_final_is_asked(
    ledger: Ledger, bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ledger.stores(CLAIM_ID, 0)
    ledger.mine(100)
    ledger.stores(CLAIM_ID, word(ClaimState.UPHELD))
    ledger.mine()
    # It was settled in a block that may still be replaced.
    assert asked(bundle, ledger) == 3
    printed = capfd.readouterr()
    assert "knew no such claim in block finalized" in printed.err
    assert "the bundle shows no block" in printed.out
    ledger.mine(100)
    assert asked(bundle, ledger) == 0


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--block", "soon"], 2, "--block: expected a number, finalized or latest"),
        (["--block", "99999999"], 2, "it has no block 99999999"),
        (["--claims", "0x12"], 2, "--claims must have 20 bytes"),
    ],
)
def test_wrong_options_are_refused_in_one_line(
    ledger: Ledger,
    bundle: Path,
    capfd: pytest.CaptureFixture[str],
    options: list[str],
    status: int,
    said: str,
) -> None:
    assert asked(bundle, ledger, *options) == status
    err = capfd.readouterr().err
    assert said in err and "Traceback" not in err


def test_a_node_that_lies_about_a_block_is_refused(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, ask = Chain(ledger.url), Chain.ask

    def lying(node: Chain, method: str, *parameters: object) -> Any:
        answer = ask(node, method, *parameters)
        if method == "eth_getBlockByNumber":
            return {**answer, "stateRoot": "0x" + "33" * 32}
        return answer

    monkeypatch.setattr(Chain, "ask", lying)
    with pytest.raises(RpcRefused, match="header of an unknown form"):
        fetch(chain, CLAIMS, CLAIM_ID, "latest")
