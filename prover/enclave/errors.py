"""What an enclave refuses."""

from avow.prover.errors import ProverError


class EnclaveRefused(ProverError):
    """The enclave does not start, or does not sign; its text says why in one line."""


class EnclaveEnded(EnclaveRefused):
    """The session is over: its key signs no more, and a new session has to be opened."""


class EnclaveLater(EnclaveRefused):
    """The enclave does not sign at this moment, and may a little later."""
