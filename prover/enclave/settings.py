"""How an enclave is configured: read from the environment in one function, refused when half."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from avow.prover.enclave.errors import EnclaveRefused
from avow.prover.enclave.gpus import GpuCommand
from avow.prover.errors import ConfigurationError
from avow.verifier.attestation.testroot import ENVIRONMENT
from avow.verifier.errors import VerificationError
from avow.verifier.statement import OFF_CHAIN, Domain

PLATFORMS = ("tdx", "dstack", "simulated", "auto")
_DIGEST = re.compile(r"0x[0-9a-f]{64}")
_REGISTRY = re.compile(r"(?P<chain>[1-9][0-9]{0,77}):0x(?P<address>[0-9a-fA-F]{40})")
_ACCOUNT = re.compile(r"0x[0-9a-fA-F]{40}")
_WEEK = 7 * 86_400
NO_CHALLENGE = bytes(32)


@dataclass(frozen=True, slots=True)
class EnclaveSettings:
    """What `avow worker` starts its enclave with; docs/reference/configuration.md has each one.

    `program` is pinned (32 bytes), `challenge` the registry's, zero off chain. `operator` is the
    account (20 bytes) that will register a simulated key, which signs for that. Collateral comes
    from `pccs`, the address of a caching service, or lies in the file `collateral`. `golden_values`
    are files with NVIDIA's manifests for the GPUs that `gpu_command` asks.
    """

    platform: str
    program: bytes
    registry: Domain = OFF_CHAIN
    challenge: bytes = NO_CHALLENGE
    operator: bytes | None = None
    lifetime: int = _WEEK
    pccs: str | None = None
    collateral: Path | None = None
    gpu_command: str | None = None
    golden_values: tuple[Path, ...] = ()
    event_log: Path = Path("/run/avow/rtmr3.json")
    dstack_socket: Path = Path("/var/run/dstack.sock")


def enclave_settings(env: Mapping[str, str]) -> EnclaveSettings | None:
    """None without AVOW_ENCLAVE; raises `ConfigurationError` for what is missing or unusable."""
    platform = env.get("AVOW_ENCLAVE") or None
    if platform is None:
        return None
    if platform not in PLATFORMS:
        raise ConfigurationError(
            f"AVOW_ENCLAVE: expected {', '.join(PLATFORMS)}, got {platform[:40]!r}"
        )
    if platform == "simulated" and env.get(ENVIRONMENT, "").strip().lower() == "production":
        raise ConfigurationError(
            f"AVOW_ENCLAVE: simulated, but {ENVIRONMENT} is production: nothing would be attested"
        )
    # A registry without a challenge refuses where an enclave is opened: the command that asks for
    # the challenge reads these settings, too.
    registry, challenge = _registry(env), _digest(env, "AVOW_ENCLAVE_CHALLENGE")
    if registry == OFF_CHAIN and challenge is not None:
        raise ConfigurationError(
            "AVOW_ENCLAVE_CHALLENGE: a registry gives one to those who register; set "
            "AVOW_ENCLAVE_REGISTRY as well, or none of both off chain"
        )
    program = _digest(env, "AVOW_ENCLAVE_PROGRAM")
    if program is None:
        raise ConfigurationError(
            "AVOW_ENCLAVE_PROGRAM: the program is not pinned; set the digest that "
            "avow compile --system tee prints"
        )
    pccs, collateral = _address(env), _path(env, "AVOW_ENCLAVE_COLLATERAL")
    if platform != "simulated" and (pccs is None) == (collateral is None):
        raise ConfigurationError(
            "AVOW_ENCLAVE_PCCS or AVOW_ENCLAVE_COLLATERAL: one of them says where the platform's "
            "collateral comes from, and without it no quote convinces anybody"
        )
    default = EnclaveSettings(platform, program)
    return EnclaveSettings(
        platform=platform,
        program=program,
        registry=registry,
        challenge=challenge or NO_CHALLENGE,
        operator=_operator(env, platform),
        lifetime=_lifetime(env),
        pccs=pccs,
        collateral=collateral,
        gpu_command=_command(env),
        golden_values=_golden_values(env),
        event_log=_path(env, "AVOW_ENCLAVE_EVENT_LOG") or default.event_log,
        dstack_socket=_path(env, "AVOW_ENCLAVE_DSTACK_SOCKET") or default.dstack_socket,
    )


def _digest(env: Mapping[str, str], name: str) -> bytes | None:
    value = env.get(name) or None
    if value is None:
        return None
    if not _DIGEST.fullmatch(value):
        raise ConfigurationError(f"{name}: expected 0x and 64 digits a-f, 0-9, got {value[:80]!r}")
    return bytes.fromhex(value[2:])


def _registry(env: Mapping[str, str]) -> Domain:
    value = env.get("AVOW_ENCLAVE_REGISTRY") or None
    if value is None:
        return OFF_CHAIN
    match = _REGISTRY.fullmatch(value)
    try:
        if match is None:
            raise VerificationError("parse", "of another form")
        return Domain(int(match["chain"]), bytes.fromhex(match["address"]))
    except VerificationError as error:
        raise ConfigurationError(
            f"AVOW_ENCLAVE_REGISTRY: expected CHAIN_ID:0xADDRESS, got {value[:80]!r}"
        ) from error


def _operator(env: Mapping[str, str], platform: str) -> bytes | None:
    value = env.get("AVOW_ENCLAVE_OPERATOR") or None
    if value is None:
        return None
    if platform != "simulated":
        raise ConfigurationError(
            f"AVOW_ENCLAVE_OPERATOR: a key of {platform} does not sign its own registration, only "
            "a simulated one"
        )
    if not _ACCOUNT.fullmatch(value):
        raise ConfigurationError(f"AVOW_ENCLAVE_OPERATOR: expected an address, got {value[:60]!r}")
    return bytes.fromhex(value[2:])


def _address(env: Mapping[str, str]) -> str | None:
    value = env.get("AVOW_ENCLAVE_PCCS") or None
    if value is not None and not value.startswith(("http://", "https://")):
        raise ConfigurationError("AVOW_ENCLAVE_PCCS: expected http://... or https://...")
    if value is not None and not _names_host(value):
        # What it is may hold a password.
        raise ConfigurationError("AVOW_ENCLAVE_PCCS: its address names no host and port")
    return None if value is None else value.rstrip("/")


def _names_host(address: str) -> bool:
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        host.encode("idna")
        return bool(host) and parts.port != 0
    except ValueError:
        return False


def _command(env: Mapping[str, str]) -> str | None:
    value = env.get("AVOW_ENCLAVE_GPU_COMMAND") or None
    try:
        if value is not None:
            GpuCommand(value)
    except EnclaveRefused as error:
        raise ConfigurationError(f"AVOW_ENCLAVE_GPU_COMMAND: {error}") from error
    return value


def _golden_values(env: Mapping[str, str]) -> tuple[Path, ...]:
    name = "AVOW_ENCLAVE_GPU_GOLDEN_VALUES"
    found = tuple(Path(one).expanduser() for one in (env.get(name) or "").split(os.pathsep) if one)
    if found and not env.get("AVOW_ENCLAVE_GPU_COMMAND"):
        raise ConfigurationError(
            f"{name}: expected AVOW_ENCLAVE_GPU_COMMAND beside it, whose devices they are for"
        )
    return found


def _path(env: Mapping[str, str], name: str) -> Path | None:
    value = env.get(name)
    return Path(value).expanduser() if value else None


def _lifetime(env: Mapping[str, str]) -> int:
    value = env.get("AVOW_ENCLAVE_LIFETIME_SECONDS", "").strip()
    if not value:
        return _WEEK
    number = int(value) if value.isascii() and value.isdigit() and len(value) < 12 else 0
    if not 600 <= number <= 30 * 86_400:
        raise ConfigurationError(
            "AVOW_ENCLAVE_LIFETIME_SECONDS: expected a whole number from 600 to "
            f"{30 * 86_400}, got {value[:40]!r}"
        )
    return number
