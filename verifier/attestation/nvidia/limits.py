"""Every size that evidence of NVIDIA's devices may reach, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds on what is parsed; sizes in bytes. Real evidence stays well below them."""

    evidence_bytes: int = 2**20
    devices: int = 64
    report_bytes: int = 32 * 2**10
    chain_bytes: int = 32 * 2**10
    xml_bytes: int = 256 * 2**10
    xml_depth: int = 8
    xml_elements: int = 4096
    xml_attributes: int = 64


LIMITS = Limits()
