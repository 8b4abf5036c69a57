"""What happened to attested keys, registrars and measurements, in the order of the chain."""

from collections.abc import Mapping
from dataclasses import dataclass

from avow.verifier.chain.client import Chain, unchecksum
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.deployment import Deployment
from avow.verifier.chain.errors import RpcRefused
from avow.verifier.chain.events import Place
from avow.verifier.chain.logs import read_logs

# Of one key; the argument `key` names it.
OF_KEYS = (
    "KeyRegistered",
    "SimulatedKeyRegistered",
    "KeyVouchedFor",
    "KeyServes",
    "KeyLeaves",
    "KeyRevoked",
    "StakeReleased",
    "DisproofOpened",
    "RegistrationUpheld",
    "RegistrationDisproven",
    "RegistrationOutdated",
    "AnswerContradicted",
    "StakeSlashed",
    "RegistrarSlashed",
)
OF_OTHERS = (
    "RegistrarAppointed",
    "RegistrarBonded",
    "RegistrarLeft",
    "MeasurementApproved",
    "MeasurementRevoked",
    "QuoteCheckChanged",
    "ContradictionCommitted",
)

Plain = bytes | int | bool | str


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """One event: its contract's name of it, and its arguments by their names there.

    Accounts have 20 bytes and digests 32; `key` is None where no key is meant. The stored key of
    `KeyRegistered` is left out: `AttestedKeys.key` has it as it stands.
    """

    place: Place
    name: str
    key: bytes | None
    values: Mapping[str, Plain]


class KeyEvents:
    """The events of a deployment's contract of attested keys."""

    def __init__(self, chain: Chain, deployment: Deployment) -> None:
        self._chain = chain
        self._contract = Contract(chain, "AttestationKeys", deployment.keys)
        self._names = {self._contract.topic(name): name for name in (*OF_KEYS, *OF_OTHERS)}
        self._first = deployment.first_block

    def read(self, first: int | None = None, last: int | None = None) -> list[KeyEvent]:
        """Events of the blocks `first` (the deployment's) to `last` (the newest), oldest first."""
        begin = self._first if first is None else first
        end = self._chain.head().number if last is None else last
        found = []
        for log in read_logs(self._chain, self._contract.address, begin, end):
            topics = log.raw["topics"]
            name = self._names.get(bytes(topics[0])) if topics else None
            if name is None:
                continue
            value = self._contract.decode(name, log)
            key = unchecksum(value["key"]) if name in OF_KEYS else None
            plain = {one: _plain(of) for one, of in value.items() if one not in ("key", "record")}
            place = Place(log.block, log.index, log.transaction)
            found.append(KeyEvent(place, name, key, plain))
        return found

    def registered_at(self, key: bytes) -> int | None:
        """The time of the block in which a key was registered; None for one that was not.

        At this time its evidence is to be judged.
        """
        topics = (self._contract.topic("KeyRegistered"), bytes(12) + key)
        last = self._chain.head().number
        logs = read_logs(self._chain, self._contract.address, self._first, last, topics)
        # A key is registered once.
        for log in logs:
            block = self._chain.block(log.block)
            if block is None:
                raise RpcRefused("attested keys: the block of a registration is gone")
            return block.timestamp
        return None


def _plain(value: object) -> Plain:
    if isinstance(value, str) and value.startswith("0x") and len(value) == 42:
        return unchecksum(value)
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, bool | int | str):
        return value
    return str(value)
