"""Deploying: whole, resumable, checked against the chain, and never by a public key elsewhere."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import rlp

from avow.api.cli.contracts import deploy_command
from avow.verifier.chain import deploy as deploy_module
from avow.verifier.chain.anvil import Anvil, running_anvil
from avow.verifier.chain.claim_records import ClaimParameters
from avow.verifier.chain.client import Chain, checksum
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.deploy import Settings, deploy
from avow.verifier.chain.deployment import CONTRACTS, begun_deployment, read_deployment
from avow.verifier.chain.errors import (
    AnvilUnavailable,
    DeploymentRefused,
    InsufficientFunds,
    Reverted,
    RpcRefused,
    RpcUnavailable,
    SignerRefused,
    WrongChain,
)
from avow.verifier.chain.market import Market
from avow.verifier.chain.orders import selector_of
from avow.verifier.chain.signer import Signer, from_private_key
from avow.verifier.chain.transactions import send
from avow.verifier.chain.watch import Watch
from avow.verifier.chain.watch_records import WatchParameters
from avow.verifier.keccak import keccak256
from tests.integration.town import CLAIMS, DEPLOYER, PROVIDER, QUICK, SETTINGS, Town, refusing
from tests.prover.processes import until

POOR = from_private_key(keccak256(b"an account without anything").hex())


@pytest.fixture(scope="module")
def elsewhere(contracts_folder: Path) -> Iterator[Anvil]:
    """A development chain under another chain id: no development key may act there."""
    with running_anvil(contracts_folder, chain_id=4242) as node:
        yield node


def test_the_parts_know_each_other(town: Town) -> None:
    deployment = town.deployment
    deployment.check(town.chain)
    assert tuple(name for name, _ in deployment.contracts) == CONTRACTS
    market = town.market()
    assert market.contract.read("token") == checksum(deployment.token)
    assert market.contract.read("registry") == checksum(deployment.registry)
    assert market.contract.read("router") == checksum(deployment.router)
    assert market.contract.read("validators") == checksum(deployment.validators)
    timelock = deployment.placed("timelock").address
    router = Contract(town.chain, "ProofRouter", deployment.router)
    for contract in (market.contract, router, market.validators):
        assert contract.read("owner") == checksum(timelock)
    entry = router.read("entryOf", selector_of("ezkl/v1"))
    adapter = deployment.placed("ezkl_adapter")
    assert (entry.implementation, entry.codehash) == (checksum(adapter.address), adapter.code_hash)
    assert bytes(market.contract.read("domainSeparator")) == market.domain.separator()
    claims = Contract(town.chain, "Claims", deployment.claims)
    for name in ("market", "router", "referee"):
        assert claims.read(name) == checksum(deployment.placed(name).address)
    assert claims.read("owner") == checksum(timelock)
    judged = router.read("entryOf", selector_of("optimistic/v1"))
    judge = deployment.placed("optimistic_adapter")
    assert (judged.implementation, judged.codehash) == (checksum(judge.address), judge.code_hash)
    asked = Contract(town.chain, "OptimisticAdapter", judge.address)
    assert asked.read("claims") == checksum(deployment.claims)
    keys = Contract(town.chain, "AttestationKeys", deployment.keys)
    for name in ("market", "router", "claims", "registry"):
        assert keys.read(name) == checksum(deployment.placed(name).address)
    assert keys.read("owner") == checksum(timelock)
    attested = deployment.placed("tee_adapter")
    entry = router.read("entryOf", selector_of("tee/v1"))
    assert (entry.implementation, entry.codehash) == (
        checksum(attested.address),
        attested.code_hash,
    )
    adapter = Contract(town.chain, "TeeAdapter", attested.address)
    assert adapter.read("keys") == checksum(deployment.keys)
    assert adapter.read("registry") == checksum(deployment.registry)


def test_a_deployment_cut_off_anywhere_is_taken_up(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "31337.json"
    said: list[str] = []
    real = deploy_module.create
    for count in range(len(CONTRACTS)):
        left = [1]

        def once(*arguments: object, left: list[int] = left) -> object:
            if not left:
                raise KeyboardInterrupt
            left.pop()
            return real(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(deploy_module, "create", once)
        if count < len(CONTRACTS) - 1:
            with pytest.raises(KeyboardInterrupt):
                deploy(town.chain, DEPLOYER, path, SETTINGS, said.append, QUICK)
            begun = begun_deployment(path)
            assert begun is not None and len(begun.contracts) == count + 1
            with refusing(DeploymentRefused, "not finished"):
                read_deployment(path)
        else:
            deploy(town.chain, DEPLOYER, path, SETTINGS, said.append, QUICK)
    assert [line.split()[0] for line in said] == list(CONTRACTS), "nothing was deployed twice"
    done = read_deployment(path)
    done.check(town.chain)
    again: list[str] = []
    assert deploy(town.chain, DEPLOYER, path, SETTINGS, again.append, QUICK) == done
    assert again == []
    with refusing(DeploymentRefused, "other settings"):
        deploy(town.chain, DEPLOYER, path, Settings(timelock_delay=61), patience=QUICK)


@pytest.mark.parametrize("between", ["timelock", "market", "claims", "attestationkeys"])
def test_other_transactions_of_the_deployer_do_not_part_contracts_and_adapters(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, between: str
) -> None:
    path = tmp_path / "31337.json"
    said: list[str] = []
    real, order = deploy_module.create, [between]

    def disturbed(chain: Chain, signer: Signer, name: str, *rest: object) -> object:
        if order and name.lower() == order[0]:
            order.pop()
            real(chain, signer, "ModelRegistry", (), QUICK)
        return real(chain, signer, name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(deploy_module, "create", disturbed)
    if between in ("claims", "attestationkeys"):
        # Between the look and the transaction: it is noticed afterwards, and the file kept.
        with refusing(DeploymentRefused, "another transaction came before", "run it again"):
            deploy(town.chain, DEPLOYER, path, SETTINGS, said.append, QUICK)
        with refusing(DeploymentRefused, "not finished"):
            read_deployment(path)
    done = deploy(town.chain, DEPLOYER, path, SETTINGS, said.append, QUICK)
    again = ["tee_adapter"] if between == "attestationkeys" else []
    assert [line for line in said if "placed again" in line] == [
        f"{name}: other transactions came between, it is placed again"
        for name in (*again, "optimistic_adapter")
    ]
    assert tuple(name for name, _ in done.contracts) == CONTRACTS
    adapter = Contract(town.chain, "OptimisticAdapter", done.placed("optimistic_adapter").address)
    assert adapter.read("claims") == checksum(done.claims)
    router = Contract(town.chain, "ProofRouter", done.router)
    entry = router.read("entryOf", selector_of("optimistic/v1"))
    assert entry.implementation == checksum(adapter.address)
    attested = Contract(town.chain, "TeeAdapter", done.placed("tee_adapter").address)
    assert attested.read("keys") == checksum(done.keys)


@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 255, 256, 70_000])
def test_the_address_of_a_contract_to_come_is_known(nonce: int) -> None:
    body = rlp.encode([DEPLOYER.address, nonce])
    assert deploy_module.created_at(DEPLOYER.address, nonce) == keccak256(body)[12:]


def test_a_watch_that_a_claim_can_escape_is_refused() -> None:
    """What is final before a plant can be exposed is known to be none."""
    watched = replace(Settings(), watch=WatchParameters())
    watched.check()
    least = WatchParameters().epoch + WatchParameters().verdict_delay + 300
    for window in (least, least - 1):
        changed = replace(watched, claims=replace(watched.claims, window=window))
        if window == least:
            changed.check()
            continue
        with refusing(DeploymentRefused, "known to be no plants", f"takes {least} s"):
            changed.check()


def test_a_grace_period_in_which_no_validator_can_be_paid_is_refused() -> None:
    least = CLAIMS.window + 300
    replace(SETTINGS, terms=replace(SETTINGS.terms, grace_period=least)).check()
    with refusing(DeploymentRefused, f"the grace period has {least - 1} s", f"takes {least} s"):
        replace(SETTINGS, terms=replace(SETTINGS.terms, grace_period=least - 1)).check()


def test_the_commands_defaults_are_those_of_the_settings() -> None:
    """One set of defaults, of which no part contradicts another."""
    settings = Settings()
    settings.check()
    named = {one.name: one.default for one in deploy_command.params}
    assert settings.terms == replace(
        settings.terms,
        grace_period=named["grace_period"],
        settlement_window=named["settlement_window"],
    )
    given = {name: named[f"claim_{name}"] for name in ("bond", "window", "clock", "extension")}
    bonds = {"claim_bond": given.pop("bond"), "challenge_bond": named["challenge_bond"]}
    assert settings.claims == ClaimParameters(margin=named["claim_margin"], **bonds, **given)


def test_a_watch_is_placed_after_everything_else(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(
        SETTINGS,
        terms=replace(SETTINGS.terms, grace_period=1_500),
        claims=replace(CLAIMS, window=1_200),
        watch=WatchParameters(),
    )
    path = tmp_path / "31337.json"
    real = deploy_module.create

    def all_but_the_watch(*arguments: Any) -> Any:
        if arguments[2] == "Watch":
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(deploy_module, "create", all_but_the_watch)
    with pytest.raises(KeyboardInterrupt):
        deploy(town.chain, DEPLOYER, path, settings, patience=QUICK)
    begun = read_deployment(path)
    assert begun.complete and not begun.has_watch
    with refusing(DeploymentRefused, "the watch is not deployed"):
        Watch(town.chain, begun, QUICK)
    monkeypatch.undo()
    # Other transactions of the deployer do not matter to it.
    token = Contract(town.chain, "PaymentToken", begun.token)
    send(town.chain, DEPLOYER, token.call("approve", checksum(begun.market), 1), QUICK)
    said: list[str] = []
    done = deploy(town.chain, DEPLOYER, path, settings, said.append, QUICK)
    assert [line.split()[0] for line in said] == ["watch"]
    assert done.has_watch and read_deployment(path) == done
    done.check(town.chain)
    watch = Watch(town.chain, done, QUICK)
    assert watch.parameters == WatchParameters()
    assert watch.contract.read("claims") == checksum(done.claims)
    assert watch.contract.read("owner") == checksum(done.placed("timelock").address)
    assert watch.planter() == SETTINGS.treasury
    # What was begun without one is not continued with one.
    with refusing(DeploymentRefused, "other settings"):
        deploy(town.chain, DEPLOYER, path, SETTINGS, patience=QUICK)


@pytest.mark.parametrize(
    "settings",
    [
        replace(SETTINGS, claims=replace(CLAIMS, window=1_381)),
        replace(SETTINGS, terms=replace(SETTINGS.terms, grace_period=3_301)),
    ],
)
def test_terms_under_which_nobody_could_claim_are_refused(
    town: Town, tmp_path: Path, settings: Settings
) -> None:
    with refusing(DeploymentRefused, "take up to 3601 s, the settlement window has 3600 s"):
        deploy(town.chain, DEPLOYER, tmp_path / "31337.json", settings, patience=QUICK)
    assert not (tmp_path / "31337.json").exists()


def test_a_file_of_another_chain_is_refused(town: Town, elsewhere: Anvil) -> None:
    other = Chain(elsewhere.url)
    with refusing(WrongChain, "expected chain 31337", "chain 4242"):
        town.deployment.check(other)
    with refusing(WrongChain, "expected chain 31337, it is chain 4242"):
        Chain(elsewhere.url, 31337)


def test_a_chain_that_was_thrown_away_is_noticed(town: Town, contracts_folder: Path) -> None:
    with running_anvil(contracts_folder) as fresh:
        with refusing(DeploymentRefused, "the token at 0x", "has no code on this chain"):
            town.deployment.check(Chain(fresh.url))
        market = Market(Chain(fresh.url), town.deployment, QUICK)
        with refusing(RpcRefused, "no such contract is deployed there"):
            market.order(bytes(32))


def test_changed_code_is_noticed(town: Town) -> None:
    token = checksum(town.deployment.token)
    town.rpc("anvil_setCode", token, "0x00")
    with refusing(DeploymentRefused, "the token at 0x", "other code"):
        town.deployment.check(town.chain)


def test_development_keys_do_nothing_on_another_chain(elsewhere: Anvil, tmp_path: Path) -> None:
    chain = Chain(elsewhere.url)
    before = chain.head().number
    settings = Settings(token=bytes(19) + b"\x01")
    with refusing(DeploymentRefused, "chain 4242 needs the address of a payment token"):
        deploy(chain, DEPLOYER, tmp_path / "4242.json", Settings(), patience=QUICK)
    with refusing(SignerRefused, "public development key", "chain 4242"):
        deploy_module.create(chain, DEPLOYER, "ModelRegistry", (), QUICK)
    with refusing(DeploymentRefused, "no contract is there"):
        deploy(chain, DEPLOYER, tmp_path / "4242.json", settings, patience=QUICK)
    assert chain.head().number == before


def test_a_node_refuses_a_development_key_on_another_chain(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = town.market()
    monkeypatch.setattr(market.chain, "chain_id", 4242)
    with refusing(SignerRefused, "public development key"):
        town.provider(market=market)
    with refusing(SignerRefused, "public development key"):
        town.validator(market=market)


def test_an_account_without_gas_money_is_one_line(town: Town, tmp_path: Path) -> None:
    with refusing(InsufficientFunds, POOR.shown, "0 wei"):
        deploy(town.chain, POOR, tmp_path / "poor.json", SETTINGS, patience=QUICK)
    assert not (tmp_path / "poor.json").exists()


def test_an_account_without_tokens_is_one_line(town: Town) -> None:
    town.rpc("anvil_setBalance", POOR.shown, hex(10**18))
    with refusing(InsufficientFunds, POOR.shown, "0 token units"):
        town.market().request(POOR, town.terms())


def test_a_contract_that_refuses_is_named(town: Town) -> None:
    market = town.market()
    with refusing(Reverted, "Market.withdraw", "NothingToWithdraw", PROVIDER.shown.lower()):
        market.withdraw(PROVIDER)
    with refusing(Reverted, "Market.cancel", "OrderUnknown"):
        market.cancel(PROVIDER, bytes(32))
    assert market.order(bytes(32)) is None


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1", "http://", "localhost:8545", "/socket"])
def test_a_bad_address_is_one_line(url: str) -> None:
    with refusing(RpcUnavailable, "expected http(s)://HOST"):
        Chain(url)


def test_a_missing_anvil_is_one_line(tmp_path: Path) -> None:
    with refusing(AnvilUnavailable, "found none", "make setup"):
        with running_anvil(tmp_path):
            pass


def test_an_anvil_that_cannot_start_says_why(contracts_folder: Path, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text("not a state")
    with refusing(AnvilUnavailable, "before listening"):
        with running_anvil(contracts_folder, state=state):
            pass


def test_a_chain_survives_its_process(contracts_folder: Path, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with running_anvil(contracts_folder, state=state) as node:
        chain = Chain(node.url)
        deployment = deploy(chain, DEPLOYER, tmp_path / "31337.json", SETTINGS, patience=QUICK)
        head = chain.head().number
        _kill_with(node.pid, state, head)
    with running_anvil(contracts_folder, state=state) as node:
        chain = Chain(node.url)
        assert chain.head().number >= head
        deployment.check(chain)


def _kill_with(pid: int, state: Path, head: int) -> None:
    """Kills anvil once its file holds this block; never while it writes, which cuts the file."""
    anvil = psutil.Process(pid)

    def written() -> bool:
        anvil.suspend()
        until(lambda: anvil.status() == psutil.STATUS_STOPPED, 30, "anvil has stopped")
        try:
            if int(json.loads(state.read_text())["block"]["number"], 16) >= head:
                return True
        except (FileNotFoundError, ValueError):
            pass
        anvil.resume()
        return False

    until(written, 60, f"{state.name} holds block {head}")
    anvil.kill()


PARENT = """
import sys, time
from pathlib import Path
from avow.verifier.chain.anvil import running_anvil
with running_anvil(Path(sys.argv[1])) as node:
    print(node.pid, flush=True)
    time.sleep(60)
"""


def test_anvil_dies_with_its_parent(contracts_folder: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(contracts_folder)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert _is_anvil(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not _is_anvil(child), 60, "anvil ends with its parent")


def _is_anvil(pid: int) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/exe").endswith("anvil")
    except OSError:
        return False
