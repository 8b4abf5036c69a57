"""What a bundle of `tee/v1` holds besides the receipt: the registration and its evidence."""

from dataclasses import dataclass

from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, to_base64
from avow.verifier.systems.tee.registration import Registration, parse_registration

FORMAT = "avow-enclave/1"
_INTEL = ("tdx", "sgx")
_KINDS = (*_INTEL, "nitro")
_EVIDENCE_BYTES = 32 * 1024
_COLLATERAL_BYTES = _LOG_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Material:
    """Archived at registration. `collateral` belongs to quotes, `event_log` to trust domains.

    `devices` is the evidence of GPUs in the attestation SDK's JSON, where there are any.
    """

    registration: Registration
    kind: str
    evidence: bytes
    collateral: bytes | None
    event_log: bytes | None
    devices: bytes | None = None

    def to_json(self) -> Json:
        """The bundle's `material`."""
        value: dict[str, Json] = {
            "format": FORMAT,
            "registration": self.registration.to_json(),
            "kind": self.kind,
            "evidence": to_base64(self.evidence),
        }
        if self.collateral is not None:
            value["collateral"] = to_base64(self.collateral)
        if self.event_log is not None:
            value["event_log"] = to_base64(self.event_log)
        if self.devices is not None:
            value["devices"] = to_base64(self.devices)
        return value


def parse_material(value: Json) -> Material:
    """Read what `Material.to_json` writes; nothing that its kind has no use for."""
    fields = Fields(
        value,
        "material",
        {"format", "registration", "kind", "evidence"},
        {"collateral", "event_log", "devices"},
    )
    fields.one_of("format", (FORMAT,))
    kind = fields.one_of("kind", _KINDS)
    for key, belongs in (("collateral", kind in _INTEL), ("event_log", kind == "tdx")):
        if fields.has(key) != belongs:
            missing = "lacks" if belongs else "must not have"
            raise VerificationError("parse", f"evidence of {kind} {missing} {key}")
    return Material(
        registration=parse_registration(fields.raw("registration")),
        kind=kind,
        evidence=fields.blob("evidence", _EVIDENCE_BYTES),
        collateral=fields.blob("collateral", _COLLATERAL_BYTES)
        if fields.has("collateral")
        else None,
        event_log=fields.blob("event_log", _LOG_BYTES) if fields.has("event_log") else None,
        devices=fields.blob("devices", _LOG_BYTES) if fields.has("devices") else None,
    )
