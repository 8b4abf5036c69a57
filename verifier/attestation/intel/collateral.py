"""The collateral archived with a quote: what Intel said about platforms at that time."""

from avow.verifier import canonical
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields

MAX_BYTES = 2**20
_TEXTS = (
    "pck_crl_issuer_chain",
    "root_ca_crl",
    "pck_crl",
    "tcb_info_issuer_chain",
    "tcb_info",
    "tcb_info_signature",
    "qe_identity_issuer_chain",
    "qe_identity",
    "qe_identity_signature",
)


def parse_collateral(data: bytes) -> dict[str, str]:
    """Read a collateral file: nine texts, CRLs and signatures in hexadecimal, chains in PEM.

    Nothing else may be in it; the texts themselves are judged by the signatures on them.
    """
    fields = Fields(
        canonical.parse_lenient(data, MAX_BYTES, "collateral"), "collateral", set(_TEXTS)
    )
    found = {}
    for key in _TEXTS:
        text = fields.raw(key)
        # PEM has lines, which `Fields.text` would refuse.
        if not isinstance(text, str):
            raise VerificationError("parse", f"collateral.{key} must be a string")
        found[key] = text
    return found
