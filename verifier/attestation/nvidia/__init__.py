"""Evidence of NVIDIA's confidential computing, checked offline: GPUs, NVSwitches, golden values."""

# First of all, because it says which extra is missing where `cryptography` is.
from avow.verifier.attestation import certificates as certificates
