"""What a session needs of the machine it runs in: a register that only grows, and quotes."""

from dataclasses import dataclass
from typing import Protocol

from avow.verifier.attestation.testroot import TestRoot
from avow.verifier.systems.tee.terms import DeviceTerms


@dataclass(frozen=True, slots=True)
class Measured:
    """An event by which RTMR3 was extended since the machine started."""

    name: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """A quote of kind `tdx`, and the log, in dstack's JSON, that leads to its four registers."""

    quote: bytes
    event_log: bytes


class Platform(Protocol):
    """A trust domain as the session sees it; raises `EnclaveRefused` for what is missing in it.

    `name` says which one it is. `root` is the test root that vouches for a simulation, None on
    hardware.
    """

    @property
    def name(self) -> str:
        """`tdx`, `dstack` or `simulated`."""
        ...

    @property
    def root(self) -> TestRoot | None:
        """Who vouches for a simulation."""
        ...

    def measured(self) -> tuple[Measured, ...]:
        """The events of RTMR3 so far, in order."""
        ...

    def extend(self, event: Measured) -> None:
        """Extend RTMR3 by an event; nothing takes it out again before the machine starts anew."""
        ...

    def evidence(self, report_data: bytes) -> Evidence:
        """A fresh quote that holds these 64 bytes."""
        ...


class CollateralSource(Protocol):
    """Where what the vendor says about a machine comes from; it raises `EnclaveRefused`."""

    def collateral(self, quote: bytes) -> bytes:
        """The collateral of a quote, in the JSON that `parse_collateral` reads."""
        ...


class Devices(Protocol):
    """The GPUs beside the enclave."""

    @property
    def terms(self) -> DeviceTerms:
        """What their evidence must show to be registered."""
        ...

    def collect(self, nonce: bytes) -> bytes | None:
        """Evidence that answers a nonce (32 bytes), in the attestation SDK's JSON; None where
        there are none."""
        ...


class NoDevices:
    """A machine whose GPUs, if there are any, are not attested."""

    @property
    def terms(self) -> DeviceTerms:
        """Of nothing."""
        return DeviceTerms(())

    def collect(self, nonce: bytes) -> bytes | None:
        """None."""
        return None
