"""The options of every command that signs transactions, and the key that they name."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from avow.api.errors import ApiError
from avow.prover.config import Config, from_environment

if TYPE_CHECKING:
    from avow.verifier.chain.market import Market
    from avow.verifier.chain.signer import Signer

F = TypeVar("F", bound=Callable[..., Any])


class SigningError(ApiError):
    """No usable key was named."""


def chain_options(function: F) -> F:
    """--rpc and --deployment."""
    function = click.option(
        "--deployment",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Deployment file (default: deployments/<chain id>.json).",
    )(function)
    return click.option(
        "--rpc", metavar="URL", help="JSON-RPC of the chain (default: AVOW_RPC_URL)."
    )(function)


def key_options(function: F) -> F:
    """--keystore and --password-file."""
    function = click.option(
        "--password-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="File whose first line is the keystore's password; asked for on a terminal.",
    )(function)
    return click.option(
        "--keystore",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Encrypted key (default: AVOW_KEYSTORE, else the key in AVOW_PRIVATE_KEY).",
    )(function)


@dataclass(frozen=True, slots=True)
class Signing:
    """Which chain and whose key `signing_options` name; neither was opened yet."""

    rpc: str | None
    deployment: Path | None
    keystore: Path | None
    password_file: Path | None

    def signer(self) -> "Signer":
        """The key of the options, else of the environment."""
        return open_signer(from_environment(), self.keystore, self.password_file)

    def market(self) -> "Market":
        """The market of the options, else of the environment."""
        from avow.api.cli.contracts import open_market_at

        return open_market_at(self.rpc, self.deployment)


def signing_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Those of `chain_options` and `key_options`, given to the command as its `signing`."""

    @wraps(function)
    def called(
        rpc: str | None,
        deployment: Path | None,
        keystore: Path | None,
        password_file: Path | None,
        **others: Any,
    ) -> Any:
        return function(signing=Signing(rpc, deployment, keystore, password_file), **others)

    return chain_options(key_options(called))


def rpc_url(config: Config, given: str | None) -> str:
    """The chain's address from the option or the environment."""
    url = given or config.rpc_url
    if url is None:
        raise SigningError("--rpc: expected the chain's JSON-RPC address, or AVOW_RPC_URL")
    return url


def deployment_file(given: Path | None, chain_id: int) -> Path:
    """The named deployment file, or the usual one of a chain."""
    return given if given is not None else Path("deployments") / f"{chain_id}.json"


def open_signer(config: Config, keystore: Path | None, password_file: Path | None) -> "Signer":
    """The key of the options, else of the environment."""
    # Half a second, which commands that sign nothing need not wait.
    from avow.verifier.chain.signer import from_keystore, from_private_key

    if keystore is None and config.private_key is not None:
        if config.keystore is not None:
            raise SigningError("AVOW_KEYSTORE and AVOW_PRIVATE_KEY are both set: expected one key")
        return from_private_key(config.private_key)
    chosen = keystore or config.keystore
    if chosen is None:
        raise SigningError("--keystore: expected a key file, or AVOW_KEYSTORE, or AVOW_PRIVATE_KEY")
    return from_keystore(chosen, ask_password(password_file or config.keystore_password_file))


def ask_password(file: Path | None, confirm: bool = False) -> str:
    """The password from its file, or from the terminal where there is one."""
    if file is not None:
        from avow.verifier.chain.signer import read_password

        return read_password(file)
    if not sys.stdin.isatty():
        raise SigningError("--password-file: expected one, since there is no terminal to ask on")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=confirm, err=True))
