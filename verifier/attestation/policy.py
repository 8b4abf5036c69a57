"""What evidence must show: reference values without which nothing is accepted."""

from dataclasses import dataclass

from avow.verifier import canonical
from avow.verifier.attestation.established import measurement_digest
from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, parse_hex, to_hex
from avow.verifier.keccak import keccak256, tag

FORMAT = "avow-attestation-policy/1"
MAX_BYTES = 2**20
_TAG = tag("avow.attestation.policy.v1")

# Intel's names. Revoked is none of them: no policy can allow it.
STATUSES = (
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "TDRelaunchAdvised",
    "TDRelaunchAdvisedConfigurationNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
)
_REGISTERS = {
    "tdx": ("mr_td", "rtmr0", "rtmr1", "rtmr2"),
    "nitro": ("pcr0", "pcr1", "pcr2"),
}


@dataclass(frozen=True, slots=True)
class RequiredEvent:
    """An event of RTMR3 that must occur exactly once; any payload where `payload` is None."""

    name: str
    payload: bytes | None

    def to_json(self) -> Json:
        """{name} or {name, payload}."""
        value: dict[str, Json] = {"name": self.name}
        if self.payload is not None:
            value["payload"] = to_hex(self.payload)
        return value


@dataclass(frozen=True, slots=True)
class IntelTcb:
    """How far the platform's firmware may be behind.

    `statuses` are those allowed, `advisories` the known weaknesses accepted (none unless named),
    `minimum_evaluation` the least evaluation data number of the collateral. `platforms` are the
    PPIDs (16 bytes) allowed; None for any.
    """

    statuses: tuple[str, ...]
    advisories: tuple[str, ...]
    minimum_evaluation: int
    platforms: tuple[bytes, ...] | None


@dataclass(frozen=True, slots=True)
class TdxPolicy:
    """Reference values of trust domains: rows of MRTD and RTMR0 to 2, 48 bytes each.

    `mr_config_id` (48 bytes) is zero unless given. `events` must be in RTMR3's log.
    """

    measurements: tuple[tuple[bytes, ...], ...]
    tcb: IntelTcb
    mr_config_id: bytes
    events: tuple[RequiredEvent, ...]


@dataclass(frozen=True, slots=True)
class SgxPolicy:
    """Reference values of enclaves: rows of MRENCLAVE, MRSIGNER (32 bytes) and product id."""

    measurements: tuple[tuple[bytes, bytes, int], ...]
    minimum_isv_svn: int
    tcb: IntelTcb


@dataclass(frozen=True, slots=True)
class NitroPolicy:
    """Reference values of Nitro enclaves: rows of PCR0 to 2, 48 bytes each.

    `platforms` are the ids of the instances allowed; None for any.
    """

    measurements: tuple[tuple[bytes, ...], ...]
    platforms: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class AttestationPolicy:
    """What each kind of evidence must show; a kind that is None is refused."""

    tdx: TdxPolicy | None = None
    sgx: SgxPolicy | None = None
    nitro: NitroPolicy | None = None

    def to_json(self) -> Json:
        """The object that `read_attestation_policy` reads."""
        value: dict[str, Json] = {"format": FORMAT}
        if self.tdx is not None:
            value["tdx"] = _tcb_json(self.tdx.tcb) | {
                "measurements": _rows_json("tdx", self.tdx.measurements),
                "mr_config_id": to_hex(self.tdx.mr_config_id),
                "events": [event.to_json() for event in self.tdx.events],
            }
        if self.sgx is not None:
            value["sgx"] = _tcb_json(self.sgx.tcb) | {
                "measurements": [
                    {
                        "mr_enclave": to_hex(enclave),
                        "mr_signer": to_hex(signer),
                        "isv_prod_id": product,
                    }
                    for enclave, signer, product in self.sgx.measurements
                ],
                "minimum_isv_svn": self.sgx.minimum_isv_svn,
            }
        if self.nitro is not None:
            nitro: dict[str, Json] = {"measurements": _rows_json("nitro", self.nitro.measurements)}
            if self.nitro.platforms is not None:
                nitro["platforms"] = list(self.nitro.platforms)
            value["nitro"] = nitro
        return value

    def encode(self) -> bytes:
        """The canonical bytes that `parse_attestation_policy` reads."""
        return canonical.encode(self.to_json())

    def digest(self) -> bytes:
        """keccak256(tag || canonical JSON)."""
        return keccak256(_TAG + self.encode())

    def measurement_digests(self) -> tuple[bytes, ...]:
        """The 48-byte digests of all reference values, as records and `avow-policy/1` name them."""
        tdx = self.tdx.measurements if self.tdx is not None else ()
        sgx = self.sgx.measurements if self.sgx is not None else ()
        nitro = self.nitro.measurements if self.nitro is not None else ()
        return (
            *(measurement_digest("tdx", *row) for row in tdx),
            *(measurement_digest("sgx", *row[:2]) for row in sgx),
            *(measurement_digest("nitro", *row) for row in nitro),
        )


def parse_attestation_policy(data: bytes) -> AttestationPolicy:
    """Read a policy, in any spacing; anything unknown, missing, twice or empty is refused."""
    return read_attestation_policy(canonical.parse_lenient(data, MAX_BYTES, "attestation policy"))


def read_attestation_policy(value: Json) -> AttestationPolicy:
    """Read a policy's object, out of a file of its own or inside another."""
    fields = Fields(value, "attestation policy", {"format"}, {"tdx", "sgx", "nitro"})
    fields.one_of("format", (FORMAT,))
    if not any(fields.has(kind) for kind in ("tdx", "sgx", "nitro")):
        raise VerificationError("parse", "an attestation policy without reference values")
    return AttestationPolicy(
        tdx=_tdx(fields.raw("tdx")) if fields.has("tdx") else None,
        sgx=_sgx(fields.raw("sgx")) if fields.has("sgx") else None,
        nitro=_nitro(fields.raw("nitro")) if fields.has("nitro") else None,
    )


_TCB = {"statuses", "minimum_evaluation"}
_TCB_OPTIONAL = {"advisories", "platforms"}


def _tdx(value: Json) -> TdxPolicy:
    fields = Fields(
        value,
        "policy.tdx",
        {"measurements"} | _TCB,
        {"mr_config_id", "events"} | _TCB_OPTIONAL,
    )
    items = fields.items("events", 0, 32) if fields.has("events") else []
    events = tuple(_event(item) for item in items)
    if len({event.name for event in events}) != len(events):
        raise VerificationError("parse", "policy.tdx.events names one event twice")
    return TdxPolicy(
        measurements=_rows(fields, "tdx"),
        tcb=_tcb(fields, "policy.tdx"),
        mr_config_id=fields.octets("mr_config_id", 48) if fields.has("mr_config_id") else bytes(48),
        events=events,
    )


def _event(value: Json) -> RequiredEvent:
    fields = Fields(value, "policy.tdx.events", {"name"}, {"payload"})
    payload = None
    if fields.has("payload"):
        text = fields.text("payload", 2050)
        payload = parse_hex(text, max(len(text) - 2, 0) // 2, "policy.tdx.events.payload")
    return RequiredEvent(fields.name("name"), payload)


def _sgx(value: Json) -> SgxPolicy:
    fields = Fields(value, "policy.sgx", {"measurements", "minimum_isv_svn"} | _TCB, _TCB_OPTIONAL)
    rows = []
    for item in fields.items("measurements", 1, 256):
        row = Fields(item, "policy.sgx.measurements", {"mr_enclave", "mr_signer", "isv_prod_id"})
        rows.append(
            (
                row.octets("mr_enclave", 32),
                row.octets("mr_signer", 32),
                row.integer("isv_prod_id", 0, 2**16 - 1),
            )
        )
    return SgxPolicy(
        tuple(rows),
        fields.integer("minimum_isv_svn", 0, 2**16 - 1),
        _tcb(fields, "policy.sgx"),
    )


def _nitro(value: Json) -> NitroPolicy:
    fields = Fields(value, "policy.nitro", {"measurements"}, {"platforms"})
    platforms = None
    if fields.has("platforms"):
        platforms = _names(fields, "platforms", 1)
    return NitroPolicy(_rows(fields, "nitro"), platforms)


def _rows(fields: Fields, kind: str) -> tuple[tuple[bytes, ...], ...]:
    names, rows = _REGISTERS[kind], []
    for item in fields.items("measurements", 1, 256):
        row = Fields(item, f"policy.{kind}.measurements", set(names))
        registers = tuple(row.octets(name, 48) for name in names)
        if not any(registers[0]):
            raise VerificationError(
                "parse", f"policy.{kind}.measurements: {names[0]} is zero, as in a debug enclave"
            )
        rows.append(registers)
    return tuple(rows)


def _tcb(fields: Fields, what: str) -> IntelTcb:
    statuses = _names(fields, "statuses", 1)
    if unknown := [status for status in statuses if status not in STATUSES]:
        raise VerificationError("parse", f"{what}.statuses: unknown {unknown[0][:60]!r}")
    platforms = None
    if fields.has("platforms"):
        items = fields.items("platforms", 1, 4096)
        platforms = tuple(parse_hex(item, 16, f"{what}.platforms") for item in items)
    return IntelTcb(
        statuses,
        _names(fields, "advisories", 0) if fields.has("advisories") else (),
        fields.integer("minimum_evaluation", 1, 2**31),
        platforms,
    )


def _names(fields: Fields, key: str, least: int) -> tuple[str, ...]:
    items = fields.items(key, least, 256)
    return tuple(Fields({"name": item}, f"policy.{key}", {"name"}).name("name") for item in items)


def _tcb_json(tcb: IntelTcb) -> dict[str, Json]:
    value: dict[str, Json] = {
        "statuses": list(tcb.statuses),
        "advisories": list(tcb.advisories),
        "minimum_evaluation": tcb.minimum_evaluation,
    }
    if tcb.platforms is not None:
        value["platforms"] = [to_hex(platform) for platform in tcb.platforms]
    return value


def _rows_json(kind: str, rows: tuple[tuple[bytes, ...], ...]) -> Json:
    return [
        {name: to_hex(register) for name, register in zip(_REGISTERS[kind], row, strict=True)}
        for row in rows
    ]
