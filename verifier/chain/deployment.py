"""Which contracts make up Avow on one chain: the file deployments/<chain>.json."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from avow.verifier import canonical
from avow.verifier.canonical import Json
from avow.verifier.chain.client import Chain, code_hash
from avow.verifier.chain.errors import DeploymentRefused, WrongChain
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, to_hex

FORMAT = "avow-deployment/4"
# In the order in which they are deployed. Each needs only earlier ones, but for the adapters of
# claims and of attested keys, which are told beforehand where those will be.
CONTRACTS = (
    "token",
    "registry",
    "ezkl_adapter",
    "sumcheck_verifier",
    "sumcheck_adapter",
    "referee",
    "optimistic_adapter",
    "tee_adapter",
    "timelock",
    "router",
    "validators",
    "market",
    "claims",
    "keys",
)
# What a deployment may have besides, placed last.
OPTIONAL = "watch"
_FILE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Placed:
    """A contract that was deployed: its address and the keccak256 of its runtime code."""

    address: bytes
    code_hash: bytes


@dataclass(frozen=True, slots=True)
class Deployment:
    """The contracts of one chain. `first_block` is where the market's history begins at the latest.

    `settings` is the digest of what they were deployed with. A deployment under way holds only
    the first of `CONTRACTS`; a complete one may have `OPTIONAL`, too.
    """

    chain_id: int
    first_block: int
    settings: bytes
    contracts: tuple[tuple[str, Placed], ...]

    @property
    def complete(self) -> bool:
        """Whether every contract is there."""
        return tuple(name for name, _ in self.contracts)[: len(CONTRACTS)] == CONTRACTS

    def placed(self, name: str) -> Placed:
        """A contract by name; refused when it is not deployed yet."""
        for known, placed in self.contracts:
            if known == name:
                return placed
        raise DeploymentRefused(f"deployment: the {name} is not deployed yet")

    @property
    def market(self) -> bytes:
        """Address of the market."""
        return self.placed("market").address

    @property
    def token(self) -> bytes:
        """Address of the payment token."""
        return self.placed("token").address

    @property
    def registry(self) -> bytes:
        """Address of the model registry."""
        return self.placed("registry").address

    @property
    def router(self) -> bytes:
        """Address of the proof router."""
        return self.placed("router").address

    @property
    def validators(self) -> bytes:
        """Address of the validator set."""
        return self.placed("validators").address

    @property
    def claims(self) -> bytes:
        """Address of the claims of `optimistic/v1`."""
        return self.placed("claims").address

    @property
    def keys(self) -> bytes:
        """Address of the attested keys of `tee/v1`."""
        return self.placed("keys").address

    @property
    def has_watch(self) -> bool:
        """Whether claims have a watch here."""
        return any(name == OPTIONAL for name, _ in self.contracts)

    @property
    def watch(self) -> bytes:
        """Address of the watch over claims, of which a deployment may have none."""
        return self.placed(OPTIONAL).address

    def before(self, name: str) -> "Deployment":
        """The deployment as it was before that contract."""
        return replace(self, contracts=self.contracts[: CONTRACTS.index(name)])

    def check(self, chain: Chain) -> None:
        """Establishes that every contract of the file is on the chain, with the same code."""
        if chain.chain_id != self.chain_id:
            raise WrongChain(
                f"deployment: expected chain {self.chain_id}, "
                f"RPC {chain.shown} is chain {chain.chain_id}"
            )
        for name, placed in self.contracts:
            code = chain.code(placed.address)
            shown = f"the {name} at {to_hex(placed.address)}"
            if not code:
                raise DeploymentRefused(f"deployment: {shown} has no code on this chain")
            if code_hash(code) != placed.code_hash:
                raise DeploymentRefused(f"deployment: {shown} has other code than the file says")

    def encode(self) -> bytes:
        """The canonical bytes that `parse_deployment` reads."""
        contracts: dict[str, Json] = {
            name: {"address": to_hex(placed.address), "code_hash": to_hex(placed.code_hash)}
            for name, placed in self.contracts
        }
        return canonical.encode(
            {
                "format": FORMAT,
                "chain_id": str(self.chain_id),
                "first_block": self.first_block,
                "settings": to_hex(self.settings),
                "contracts": contracts,
            }
        )


def parse_deployment(data: bytes) -> Deployment:
    """Reads a deployment file's bytes; raises DeploymentRefused."""
    try:
        value = canonical.parse(data, _FILE_BYTES, "deployment")
        keys = {"format", "chain_id", "first_block", "settings", "contracts"}
        fields = Fields(value, "deployment", keys)
        fields.one_of("format", (FORMAT,))
        return Deployment(
            chain_id=fields.decimal("chain_id", 256),
            first_block=fields.integer("first_block", 0, 2**50),
            settings=fields.octets("settings", 32),
            contracts=_parse_contracts(fields.raw("contracts")),
        )
    except VerificationError as error:
        raise DeploymentRefused(f"deployment file: {error.message}") from error


def _parse_contracts(value: Json) -> tuple[tuple[str, Placed], ...]:
    names = (*CONTRACTS, OPTIONAL)
    fields = Fields(value, "deployment.contracts", set(), set(names))
    present = [name for name in names if fields.has(name)]
    if present != list(names[: len(present)]):
        raise VerificationError("parse", "contracts are deployed in order, one is missing between")
    found = []
    for name in present:
        entry = Fields(fields.raw(name), f"deployment.{name}", {"address", "code_hash"})
        placed = Placed(entry.octets("address", 20), entry.octets("code_hash", 32))
        found.append((name, placed))
    return tuple(found)


def read_deployment(path: Path) -> Deployment:
    """Reads a deployment file that must be complete."""
    deployment = parse_deployment(_bytes(path))
    if not deployment.complete:
        raise DeploymentRefused(f"{path}: the deployment was not finished (run it again)")
    return deployment


def begun_deployment(path: Path) -> Deployment | None:
    """What a file holds of a deployment, finished or not; None when there is no file."""
    return parse_deployment(_bytes(path)) if path.exists() else None


def write_deployment(path: Path, deployment: Deployment) -> None:
    """Replaces the file as a whole, so that a crash leaves the old or the new one."""
    draft = path.with_name(path.name + ".draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as stream:
            stream.write(deployment.encode())
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except OSError as error:
        raise DeploymentRefused(f"{path}: cannot be written: {error.strerror}") from error


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_FILE_BYTES + 1)
    except OSError as error:
        raise DeploymentRefused(f"{path}: cannot be read: {error.strerror}") from error
