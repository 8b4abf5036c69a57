"""The options of every command that signs transactions, and the key that they name."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from avow.api.errors import ApiError
from avow.prover.config import Config
from avow.verifier.chain.signer import Signer, from_keystore, from_private_key, read_password

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


def rpc_url(config: Config, given: str | None) -> str:
    """The chain's address from the option or the environment."""
    url = given or config.rpc_url
    if url is None:
        raise SigningError("--rpc: expected the chain's JSON-RPC address, or AVOW_RPC_URL")
    return url


def deployment_file(given: Path | None, chain_id: int) -> Path:
    """The named deployment file, or the usual one of a chain."""
    return given if given is not None else Path("deployments") / f"{chain_id}.json"


def open_signer(config: Config, keystore: Path | None, password_file: Path | None) -> Signer:
    """The key of the options, else of the environment."""
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
        return read_password(file)
    if not sys.stdin.isatty():
        raise SigningError("--password-file: expected one, since there is no terminal to ask on")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=confirm, err=True))
