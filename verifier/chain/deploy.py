"""Deploying the contracts, one after another, so that it can be taken up where it stopped."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from avow.verifier import canonical
from avow.verifier.canonical import Json
from avow.verifier.chain import artifacts
from avow.verifier.chain.abi import interface
from avow.verifier.chain.anvil import CHAIN_ID as DEVELOPMENT_CHAIN
from avow.verifier.chain.attestation_records import AttestationParameters
from avow.verifier.chain.bounds import (
    claim_bounds,
    market_bounds,
    require_within,
    watch_bounds,
)
from avow.verifier.chain.claim_records import ClaimParameters
from avow.verifier.chain.client import Chain, Receipt, checksum, code_hash, unchecksum
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.deployment import (
    CONTRACTS,
    OPTIONAL,
    Deployment,
    Placed,
    begun_deployment,
    write_deployment,
)
from avow.verifier.chain.errors import DeploymentRefused, RpcRefused
from avow.verifier.chain.seals import SPECIFICATIONS
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.transactions import PATIENT, Call, Patience, send
from avow.verifier.chain.watch_records import WatchParameters
from avow.verifier.fields import to_hex
from avow.verifier.keccak import keccak256

# What is placed before the contract whose address it is told: that one's name, and the function
# that says it.
_TOLD = {
    "optimistic_adapter": ("OptimisticAdapter", "claims"),
    "tee_adapter": ("TeeAdapter", "keys"),
}
# For what has to be mined between the end of one time and the end of another.
_ROOM_SECONDS = 300


@dataclass(frozen=True, slots=True)
class MarketTerms:
    """The market's parameters; shares in basis points, durations in seconds."""

    validator_bps: int = 500
    treasury_bps: int = 200
    maximum_royalty_bps: int = 1_000
    compensation_bps: int = 5_000
    minimum_bond_bps: int = 1_000
    grace_period: int = 1_800
    settlement_window: int = 7_200
    release_window: int = 600
    maximum_duration: int = 7 * 86_400
    callback_gas_cap: int = 500_000

    def encode(self) -> tuple[int, ...]:
        """The form that the market's constructor takes."""
        return tuple(asdict(self).values())


@dataclass(frozen=True, slots=True)
class Settings:
    """What a deployment is made with; addresses have 20 bytes, None stands for the deployer.

    `token` None deploys a worthless one, on the development chain only; it belongs to the
    deployer. `timelock_delay` is in seconds, `minimum_stake` in token units. `watch` None makes no
    watch over claims; its planter is the treasury.
    """

    token: bytes | None = None
    treasury: bytes | None = None
    guardian: bytes | None = None
    timelock_delay: int = 2 * 86_400
    minimum_stake: int = 100 * 10**18
    unbonding_delay: int = 86_400
    ezkl_gas_cap: int = 5_000_000
    sumcheck_gas_cap: int = 3_000_000
    optimistic_gas_cap: int = 200_000
    tee_gas_cap: int = 200_000
    token_supply: int = 10**9 * 10**18
    terms: MarketTerms = field(default_factory=MarketTerms)
    claims: ClaimParameters = field(default_factory=ClaimParameters)
    attestation: AttestationParameters = field(default_factory=AttestationParameters)
    watch: WatchParameters | None = None

    def digest(self) -> bytes:
        """Identifies these settings in a deployment file."""
        value = {key: _plain(item) for key, item in asdict(self).items()}
        if self.watch is None:
            # Deployments that were begun before there was a watch go on.
            del value["watch"]
        return keccak256(canonical.encode(cast(Json, value)))

    def check(self) -> None:
        """Refuses what the contracts would, and terms under which no claim could be made, its
        validator could not be paid, or a validator of the watch could tell that it is no plant."""
        window = self.terms.settlement_window
        needed = max(self.claims.longest_dispute, self.terms.grace_period) + self.claims.margin
        if needed > window:
            raise DeploymentRefused(
                f"deployment: a dispute and its margin take up to {needed} s, "
                f"the settlement window has {window} s"
            )
        least = self.claims.window + _ROOM_SECONDS
        if self.terms.grace_period < least:
            raise DeploymentRefused(
                f"deployment: the grace period has {self.terms.grace_period} s; the validator of a "
                f"leg that is claimed is paid only within it, and a claim is final no sooner than "
                f"in {self.claims.window} s: it takes {least} s"
            )
        require_within("market", market_bounds(self.terms.grace_period, window))
        require_within("claims", claim_bounds(self.claims))
        if self.watch is None:
            return
        require_within("watch", watch_bounds(self.watch))
        least = self.watch.epoch + self.watch.verdict_delay + _ROOM_SECONDS
        if self.claims.window < least:
            raise DeploymentRefused(
                f"deployment: claims can be challenged for {self.claims.window} s; those made as "
                f"an epoch of the watch begins would be known to be no plants: it takes {least} s"
            )


def deploy(
    chain: Chain,
    signer: Signer,
    path: Path,
    settings: Settings,
    say: Callable[[str], None] = lambda line: None,
    patience: Patience = PATIENT,
) -> Deployment:
    """Deploys what the file at `path` does not have yet, and writes it after each contract.

    Says one line for each contract: its name, address and gas.
    """
    if settings.token is None and chain.chain_id != DEVELOPMENT_CHAIN:
        raise DeploymentRefused(
            f"deployment: chain {chain.chain_id} needs the address of a payment token "
            f"(a worthless one is made on chain {DEVELOPMENT_CHAIN} only)"
        )
    settings.check()
    deployment = begun_deployment(path)
    if deployment is None:
        head = chain.head().number
        deployment = Deployment(chain.chain_id, head, settings.digest(), ())
    else:
        deployment.check(chain)
        if deployment.settings != settings.digest():
            raise DeploymentRefused(f"{path}: was begun with other settings; use another file")
    wanted = CONTRACTS if settings.watch is None else (*CONTRACTS, OPTIONAL)
    while len(deployment.contracts) < len(wanted):
        misled = _misled(chain, signer, deployment)
        if misled is not None:
            # Nothing of this was in use; what comes after the adapter only knows the wrong one.
            deployment = deployment.before(misled)
            write_deployment(path, deployment)
            say(f"{misled}: other transactions came between, it is placed again")
        name = wanted[len(deployment.contracts)]
        placed, receipt = _place(chain, signer, deployment, settings, name, patience)
        if placed.address != _expected(chain, deployment, name, placed.address):
            raise DeploymentRefused(
                f"deployment: another transaction came before that of the {name} (run it again)"
            )
        deployment = replace(deployment, contracts=(*deployment.contracts, (name, placed)))
        write_deployment(path, deployment)
        cost = f"gas {receipt.gas_used}" if receipt else "given"
        say(f"{name:18} {checksum(placed.address)}  {cost}")
    return deployment


def create(
    chain: Chain, signer: Signer, name: str, arguments: tuple[Any, ...], patience: Patience
) -> tuple[Placed, Receipt]:
    """Deploys one contract of this project with its constructor's arguments."""
    artifact = artifacts.load(name)
    with chain.speaking(name):
        data = artifact.bytecode + interface(name).creation(arguments)
    return place(chain, signer, name, data, patience)


def place(
    chain: Chain, signer: Signer, name: str, creation_code: bytes, patience: Patience
) -> tuple[Placed, Receipt]:
    """Sends creation code and reads back what stands at the new address."""
    receipt = send(chain, signer, Call(f"deployment of {name}", None, creation_code), patience)
    if receipt.contract is None:
        raise RpcRefused(f"deployment of {name}: the receipt names no contract")
    code = chain.code(receipt.contract)
    if not code:
        raise RpcRefused(f"deployment of {name}: no code at the new address")
    return Placed(receipt.contract, code_hash(code)), receipt


def _place(
    chain: Chain,
    signer: Signer,
    begun: Deployment,
    settings: Settings,
    name: str,
    patience: Patience,
) -> tuple[Placed, Receipt | None]:
    if name == "token" and settings.token is not None:
        code = chain.code(settings.token)
        if not code:
            raise DeploymentRefused(f"token {to_hex(settings.token)}: no contract is there")
        return Placed(settings.token, code_hash(code)), None
    if name in _TOLD:
        contract, target = _TOLD[name]
        known = (checksum(begun.placed("registry").address),) if name == "tee_adapter" else ()
        told = checksum(_address_after(chain, signer, len(begun.contracts), target))
        return create(chain, signer, contract, (*known, told), patience)
    contract, arguments = _constructor(signer, begun, settings, name)
    return create(chain, signer, contract, arguments, patience)


def _misled(chain: Chain, signer: Signer, begun: Deployment) -> str | None:
    """The first adapter that was told an address at which its contract will not be."""
    placed = len(begun.contracts)
    for adapter, (_, target) in _TOLD.items():
        if not CONTRACTS.index(adapter) < placed <= CONTRACTS.index(target):
            continue
        if _told(chain, begun, adapter) != _address_after(chain, signer, placed, target):
            return adapter
    return None


def _expected(chain: Chain, begun: Deployment, name: str, otherwise: bytes) -> bytes:
    """Where an adapter says that a contract is; elsewhere nobody was told of it."""
    for adapter, (_, target) in _TOLD.items():
        if target == name:
            return _told(chain, begun, adapter)
    return otherwise


def _told(chain: Chain, begun: Deployment, adapter: str) -> bytes:
    contract, target = _TOLD[adapter]
    return unchecksum(Contract(chain, contract, begun.placed(adapter).address).read(target))


def _address_after(chain: Chain, signer: Signer, placed: int, target: str) -> bytes:
    """Where a contract will be when the signer sends nothing but what is not placed yet."""
    with chain.speaking("deployment"):
        sent = int(chain.w3.eth.get_transaction_count(checksum(signer.address), "latest"))
    return created_at(signer.address, sent + CONTRACTS.index(target) - placed)


def created_at(sender: bytes, nonce: int) -> bytes:
    """The address of the contract that an account's transaction with this nonce creates."""
    digits = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    number = digits if 0 < nonce < 0x80 else bytes([0x80 + len(digits)]) + digits
    body = bytes([0x80 + len(sender)]) + sender + number
    return keccak256(bytes([0xC0 + len(body)]) + body)[12:]


def _constructor(
    signer: Signer, begun: Deployment, settings: Settings, name: str
) -> tuple[str, tuple[Any, ...]]:
    deployer = checksum(signer.address)
    guardian = checksum(settings.guardian or signer.address)
    treasury = checksum(settings.treasury or signer.address)

    def address(of: str) -> str:
        return checksum(begun.placed(of).address)

    match name:
        case "token":
            return "PaymentToken", (deployer, settings.token_supply)
        case "registry":
            return "ModelRegistry", ()
        case "ezkl_adapter":
            return "EzklAdapter", (address("registry"),)
        case "sumcheck_verifier":
            return "SumcheckVerifier", ()
        case "sumcheck_adapter":
            return "SumcheckAdapter", (address("registry"), address("sumcheck_verifier"))
        case "referee":
            return "Referee", ()
        case "timelock":
            return "Timelock", (settings.timelock_delay, [deployer], [deployer])
        case "router":
            entries = [
                _entry("sumcheck/v1", begun.placed("sumcheck_adapter"), settings.sumcheck_gas_cap),
                _entry("ezkl/v1", begun.placed("ezkl_adapter"), settings.ezkl_gas_cap),
                _entry(
                    "optimistic/v1",
                    begun.placed("optimistic_adapter"),
                    settings.optimistic_gas_cap,
                ),
                _entry("tee/v1", begun.placed("tee_adapter"), settings.tee_gas_cap),
            ]
            return "ProofRouter", (address("timelock"), guardian, entries)
        case "validators":
            token, owner = address("token"), address("timelock")
            delays = (settings.minimum_stake, settings.unbonding_delay)
            return "ValidatorSet", (token, *delays, owner)
        case "claims":
            parts = [address(of) for of in ("market", "router", "referee", "timelock")]
            return "Claims", (*parts, settings.claims.encode())
        case "keys":
            parts = [address(of) for of in ("market", "router", "claims", "timelock")]
            return "AttestationKeys", (*parts, guardian, settings.attestation.encode())
        case "watch" if settings.watch is not None:
            parts = [address("claims"), address("timelock"), treasury]
            return "Watch", (*parts, settings.watch.encode())
        case _:
            parts = [address(of) for of in ("token", "registry", "router", "validators")]
            config = (*parts, address("timelock"), guardian, treasury)
            return "Market", (config, settings.terms.encode())


def _entry(system: str, adapter: Placed, gas_cap: int) -> tuple[Any, ...]:
    """A system's entry in the router."""
    specification = keccak256(SPECIFICATIONS[system].encode("ascii"))
    return (system, checksum(adapter.address), adapter.code_hash, specification, gas_cap)


def _plain(item: object) -> Json:
    if isinstance(item, bytes):
        return to_hex(item)
    if isinstance(item, dict):
        return {str(key): _plain(value) for key, value in item.items()}
    return "" if item is None else str(item)
