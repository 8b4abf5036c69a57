"""`avow contracts`, `provider`, `validator`: what they do, and one line when they cannot."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avow.api.cli.main import main
from avow.verifier.chain.anvil import Anvil
from avow.verifier.chain.client import checksum
from avow.verifier.chain.deployment import CONTRACTS, read_deployment
from avow.verifier.chain.errors import Reverted
from avow.verifier.chain.signer import Signer, development_signer
from avow.verifier.lifecycle import LegState
from tests.integration.court import made
from tests.integration.town import OWNER, PROVIDER, SETTINGS, UNIT, VALIDATOR, Town


def key(signer: Signer) -> str:
    """A development key in the form of the environment."""
    return "0x" + bytes(signer.account.key).hex()


@pytest.fixture
def deployment_file(town: Town, tmp_path: Path) -> Path:
    """The town's deployment as a file."""
    path = tmp_path / "31337.json"
    path.write_bytes(town.deployment.encode())
    return path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Runs a command that must fail: exit 2 and one line; the line."""
    assert main(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("avow: error: ")
    return lines[0]


def test_deploy_status_stake_and_withdraw(
    anvil: Anvil,
    bare_town: Town,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AVOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AVOW_RPC_URL", anvil.url)
    (tmp_path / "password").write_text("correct horse\n")
    owner = development_signer(9)
    monkeypatch.setenv("AVOW_PRIVATE_KEY", key(owner))
    assert main(["contracts", "keystore", "key.json", "--password-file", "password"]) == 0
    assert capsys.readouterr().out == owner.shown + "\n"
    monkeypatch.delenv("AVOW_PRIVATE_KEY")

    sign = ["--keystore", "key.json", "--password-file", "password"]
    assert main(["contracts", "deploy", *sign, "--timelock-delay", "60"]) == 0
    out = capsys.readouterr().out
    assert len(re.findall(r"gas \d+", out)) == len(CONTRACTS)
    path = tmp_path / "deployments" / "31337.json"
    assert str(path.relative_to(tmp_path)) in out
    assert read_deployment(path).market

    stake = str(SETTINGS.minimum_stake)
    assert main(["contracts", "stake", stake, *sign]) == 0
    assert "is a validator, gas" in capsys.readouterr().out
    assert "AlreadyValidator" in refused(capsys, "contracts", "stake", stake, *sign)

    assert main(["contracts", "status", "--json", "--account", owner.shown]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["validators"] == 1
    assert status["account"]["validator"] is True
    assert int(status["account"]["tokens"]) == 10**9 * UNIT - SETTINGS.minimum_stake
    assert main(["contracts", "status"]) == 0
    assert "every contract has its code" in capsys.readouterr().out
    assert "NothingToWithdraw" in refused(capsys, "contracts", "withdraw", *sign)
    assert "has no watch" in refused(capsys, "contracts", "leave-watch", *sign)


def test_a_validator_leaves_the_rotation_and_has_its_stake_back(
    bare_town: Town,
    deployment_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Run at any moment, and again: nothing is sent twice, nor before its time."""
    market, account = bare_town.market(), VALIDATOR.address
    monkeypatch.setenv("AVOW_RPC_URL", bare_town.url)
    monkeypatch.setenv("AVOW_PRIVATE_KEY", key(VALIDATOR))
    command = ["contracts", "unstake", "--deployment", str(deployment_file)]
    assert market.is_validator(account)
    stake, before = market.stake(account), market.tokens(account)
    assert main(command) == 3
    bound = bare_town.head_time() + SETTINGS.unbonding_delay
    said = f"out of the rotation; {stake} token units are bound until {bound} (Unix time)\n"
    assert capsys.readouterr().out == said
    assert not market.is_validator(account)
    turn = market.validators.read("validatorAt", 0, checksum(PROVIDER.address))
    assert turn == checksum(bytes(20)), "nobody's turn"

    left = bare_town.chain.head().number
    assert main(command) == 3
    assert capsys.readouterr().out == said
    assert bare_town.chain.head().number == left and market.tokens(account) == before
    with pytest.raises(Reverted, match="StillUnbonding"):
        market.take_stake(VALIDATOR)

    bare_town.pass_time(SETTINGS.unbonding_delay)
    assert main(command) == 0
    paid = f"{stake} token units paid to {VALIDATOR.shown}, gas "
    assert capsys.readouterr().out.startswith(paid)
    assert market.tokens(account) == before + stake and market.stake(account) == 0
    # Neither a stranger nor who has left has anything there.
    assert "is no validator, nor has it a stake" in refused(capsys, *command)


def test_a_model_is_registered_for_claims_without_a_contract_of_its_own(
    bare_town: Town,
    deployment_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AVOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AVOW_RPC_URL", bare_town.url)
    monkeypatch.setenv("AVOW_PRIVATE_KEY", key(OWNER))
    folder = made().artifact.folder
    command = ["contracts", "register", "digits-mlp", "--system", "optimistic"]
    command += ["--artifact", str(folder), "--deployment", str(deployment_file)]
    before = bare_town.chain.head().number
    assert main(command) == 0
    out = capsys.readouterr().out
    referee = checksum(bare_town.deployment.placed("referee").address)
    assert f"verifier {referee}  the deployment's referee" in out
    assert re.search(r"model key 0x[0-9a-f]{64}", out)
    # The version, the system and the comparison with its key, nothing else.
    assert bare_town.chain.head().number == before + 3
    assert main(command) == 0
    assert capsys.readouterr().out.startswith("model key")

    damaged = tmp_path / folder.name
    shutil.copytree(folder, damaged)
    program = damaged / "program.json"
    program.write_bytes(program.read_bytes()[:-1])
    command[command.index(str(folder))] = str(damaged)
    assert "damaged" in refused(capsys, *command)


def test_what_cannot_be_done_is_one_line(
    town: Town,
    deployment_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AVOW_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    rpc, file = ["--rpc", town.url], ["--deployment", str(deployment_file)]
    (tmp_path / "password").write_text("right")
    (tmp_path / "wrong").write_text("wrong")
    assert main(["contracts", "keystore", "key.json", "--password-file", "password"]) == 0
    capsys.readouterr()
    stored = ["--keystore", "key.json", "--password-file"]

    assert "--keystore: expected" in refused(capsys, "contracts", "deploy", *rpc)
    assert "wrong password" in refused(capsys, "contracts", "deploy", *rpc, *stored, "wrong")
    assert "none: No such file" in refused(capsys, "contracts", "deploy", *rpc, *stored, "none")
    line = refused(capsys, "contracts", "deploy", *rpc, *stored[:2])
    assert "--password-file: expected one" in line
    assert "has 0 wei" in refused(capsys, "contracts", "deploy", *rpc, *stored, "password")

    monkeypatch.setenv("AVOW_PRIVATE_KEY", "11" * 32)
    assert "AVOW_RPC_URL" in refused(capsys, "contracts", "deploy")
    down = ["--rpc", "http://127.0.0.1:1/secret"]
    line = refused(capsys, "contracts", "deploy", *down)
    assert "no answer" in line and "secret" not in line
    assert "no answer" in refused(capsys, "provider", *down, *file)

    other = deployment_file.read_bytes().replace(b'"31337"', b'"1"')
    (tmp_path / "other.json").write_bytes(other)
    elsewhere = ["--deployment", "other.json"]
    for command in ("provider", "validator"):
        line = refused(capsys, command, *rpc, *elsewhere, "--once")
        assert "expected chain 1, it is chain 31337" in line
    assert "No such file" in refused(capsys, "contracts", "status", *rpc)
    assert "--token" in refused(capsys, "contracts", "deploy", *rpc, "--token", "0x12")
    assert "--min-price" in refused(capsys, "provider", *rpc, *file, "--min-price", "x=-1")
    assert "nothing" in refused(capsys, "contracts", "register", "nothing", *rpc, *file)
    monkeypatch.setenv("AVOW_PRIVATE_KEY", "0xdeadbeef")
    line = refused(capsys, "contracts", "withdraw", *rpc, *file)
    assert "expected 64 hexadecimal digits" in line and "deadbeef" not in line


def test_nodes_do_what_is_due_once(
    town: Town,
    deployment_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    order_id = town.order()
    monkeypatch.setenv("AVOW_HOME", str(town.config.home))
    where = ["--rpc", town.url, "--deployment", str(deployment_file), "--once"]
    depth = ["--confirmations", "0"]
    monkeypatch.setenv("AVOW_PRIVATE_KEY", key(PROVIDER))
    assert main(["provider", *where, *depth, "--min-price", "1"]) == 0
    # Nothing is compiled in this home, so the order is left alone.
    assert town.state(order_id) is LegState.OPEN
    provider = town.provider()
    seen = provider.worklist.order(order_id)
    assert seen is not None and "not one of this provider's" in seen.reason
    town.pass_time(601)
    monkeypatch.setenv("AVOW_PRIVATE_KEY", key(VALIDATOR))
    stake = ["--stake", str(SETTINGS.minimum_stake)]
    assert main(["validator", *where, *depth, *stake]) == 0
    assert town.state(order_id) is LegState.REFUNDED


# One function sets both signals' handlers for both roles: each is sent once.
@pytest.mark.parametrize(
    ("role", "number"), [("provider", signal.SIGTERM), ("validator", signal.SIGINT)]
)
def test_a_node_stops_when_told(
    town: Town, deployment_file: Path, role: str, number: signal.Signals
) -> None:
    signer = PROVIDER if role == "provider" else VALIDATOR
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "avow.api.cli.main", role, "--poll", "0.1"),
            *("--rpc", town.url, "--deployment", str(deployment_file)),
        ],
        env=os.environ | {"AVOW_HOME": str(town.config.home), "AVOW_PRIVATE_KEY": key(signer)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    assert f"role={role} ready chain=31337 account={signer.shown}" in first
    time.sleep(0.3)
    process.send_signal(number)
    _, rest = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Traceback" not in rest
    assert key(signer)[2:] not in first + rest
