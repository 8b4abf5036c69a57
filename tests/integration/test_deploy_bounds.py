"""Parameters are refused before anything is deployed, by the bounds that the contracts have."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from avow.api.cli.main import main
from avow.verifier.chain import deploy as deploy_module
from avow.verifier.chain.bounds import claim_bounds, market_bounds, require_within, watch_bounds
from avow.verifier.chain.claim_records import ClaimParameters
from avow.verifier.chain.deploy import Settings, create
from avow.verifier.chain.errors import DeploymentRefused, Reverted
from avow.verifier.chain.watch_records import WatchParameters
from tests.integration.test_commands import key
from tests.integration.town import DEPLOYER, QUICK, Town

SETTINGS = Settings(watch=WatchParameters())


def claims(**changed: int) -> Settings:
    """With other parameters of claims."""
    return replace(SETTINGS, claims=replace(SETTINGS.claims, **changed))


def watch(**changed: int) -> Settings:
    """With other parameters of the watch."""
    assert SETTINGS.watch is not None
    return replace(SETTINGS, watch=replace(SETTINGS.watch, **changed))


def market(**changed: int) -> Settings:
    """With other parameters of the market."""
    return replace(SETTINGS, terms=replace(SETTINGS.terms, **changed))


def bounds_of(settings: Settings, name: str) -> list[Any]:
    """Those of one contract."""
    if name == "claims":
        return claim_bounds(settings.claims)
    if name == "market":
        return market_bounds(settings.terms.grace_period, settings.terms.settlement_window)
    assert settings.watch is not None
    return watch_bounds(settings.watch)


FIELDS = [
    *(("claims", claims, one) for one in ClaimParameters().__dataclass_fields__),
    *(("watch", watch, one) for one in WatchParameters().__dataclass_fields__),
    *(("market", market, one) for one in ("grace_period", "settlement_window")),
]


@pytest.mark.parametrize(("name", "change", "field"), FIELDS, ids=lambda one: str(one)[:24])
def test_the_contracts_have_these_bounds(
    town: Town, name: str, change: Callable[..., Settings], field: str
) -> None:
    (bound,) = [one for one in bounds_of(SETTINGS, name) if one[0] == field.replace("_", " ")]
    for number in (bound[2] - 1, bound[2], bound[3], bound[3] + 1):
        if not 0 <= number < 2**96:
            continue
        settings = change(**{field: number})
        contract, arguments = deploy_module._constructor(DEPLOYER, town.deployment, settings, name)
        try:
            create(town.chain, DEPLOYER, contract, arguments, QUICK)
        except Reverted as error:
            assert error.name == "ParameterOutOfBounds"
            with pytest.raises(DeploymentRefused, match="must lie in"):
                require_within(name, bounds_of(settings, name))
        else:
            require_within(name, bounds_of(settings, name))


@pytest.mark.parametrize(
    "options",
    [("--claim-bond", "10", "--challenge-bond", "6"), ("--watch", '{"epoch": 5}')],
    ids=lambda options: options[0],
)
def test_nothing_is_deployed_that_the_last_contract_would_refuse(
    bare_town: Town,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
) -> None:
    if options[0] == "--watch":
        (tmp_path / "watch.json").write_text(options[1])
        options = ("--watch", str(tmp_path / "watch.json"))
    monkeypatch.setenv("AVOW_RPC_URL", bare_town.url)
    monkeypatch.setenv("AVOW_PRIVATE_KEY", key(DEPLOYER))
    file, before = tmp_path / "new.json", bare_town.chain.head().number
    assert main(["contracts", "deploy", "--deployment", str(file), *options]) == 2
    printed = capsys.readouterr()
    assert "must lie in" in printed.err and printed.err.count("\n") == 1 and not printed.out
    assert bare_town.chain.head().number == before and not file.exists()
