"""The configuration of one process, read from the environment in one function."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path

from avow.prover.enclave.settings import EnclaveSettings, enclave_settings
from avow.prover.errors import ConfigurationError
from avow.prover.logs import FORMATS, LEVELS
from avow.prover.queues import WorkQueue
from avow.prover.stores.address import VARIABLE, parse_address
from avow.verifier.attestation.testroot import ENVIRONMENT

_TRUE = frozenset({"1", "true", "yes", "on"})
_BROKERS = frozenset({"redis", "rediss", "redis+socket"})
_KEYS = ("auto", "required", "off")
_BACKENDS = ("portable", "mulx", "ifma")
DEVICES = ("auto", "cpu", "cuda", "tensorrt")
_FALSE = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """What one API process, and one caller of it, may be made to hold at the same time.

    `connections` are those of one process; `head_seconds` and `body_seconds` are how long a
    request's head and body may take to arrive, `read_seconds` how long a full buffer waits for a
    client that does not read. `jobs`, `streams` and `priority` count for each API
    key that has none of its own: unfinished jobs, waiting requests in one process, and the highest
    priority that it may ask for. `proxies` are the peers whose `X-Forwarded-For` is believed:
    addresses and networks.
    """

    connections: int = 200
    head_seconds: int = 10
    body_seconds: int = 30
    read_seconds: int = 60
    jobs: int = 1000
    streams: int = 20
    priority: int = 5
    proxies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """What a process is told from outside; docs/reference/configuration.md has every variable.

    Durations are seconds unless their name says `ms`, sizes are bytes; `batch_size` is a number of
    jobs. `broker_url` None means the embedded Redis and
    `prove_memory` None means what the machine has available when a step starts. `api_rate` is
    requests a minute of one caller, None for the usual limit and 0 for none. `large_proof` is the
    predicted memory in bytes beyond which a proof waits in the queue for large ones.
    """

    home: Path
    database_url: str = field(repr=False)
    broker_url: str | None = field(default=None, repr=False)
    bundle_store: str | None = field(default=None, repr=False)
    rpc_url: str | None = field(default=None, repr=False)
    contracts: Path = Path("contracts")
    keystore: Path | None = None
    keystore_password_file: Path | None = None
    private_key: str | None = field(default=None, repr=False)
    allow_unsafe_srs: bool = False
    queues: tuple[WorkQueue, ...] = (WorkQueue.INFER, WorkQueue.PROVE)
    concurrency: int = 1
    infer_concurrency: int = 1
    large_concurrency: int = 1
    large_proof: int | None = None
    max_attempts: int = 3
    lease_seconds: int = 15
    infer_seconds: int = 120
    prove_seconds: int = 3600
    prove_memory: int | None = None
    job_seconds: int = 86_400
    max_open_jobs: int = 10_000
    minimum_free_disk: int = 256 * 1024 * 1024
    batch_size: int = 16
    batch_window_ms: int = 0
    batch_seconds: int = 10
    native_backend: str | None = None
    api_keys: str = "auto"
    api_rate: int | None = None
    api: ApiLimits = ApiLimits()
    device: str = "auto"
    webhooks_private: bool = False
    log_format: str = "plain"
    log_level: str = "info"
    metrics: tuple[str, int] | None = None
    traces: str | None = field(default=None, repr=False)
    enclave: EnclaveSettings | None = None

    def concurrency_of(self, queue: WorkQueue) -> int:
        """How many tasks of a queue one worker carries out at the same time."""
        return {
            WorkQueue.INFER: self.infer_concurrency,
            WorkQueue.PROVE: self.concurrency,
            WorkQueue.LARGE: self.large_concurrency,
        }[queue]

    def queue_of(self, memory: int) -> WorkQueue:
        """Where a proof waits that is predicted to take so many bytes of memory."""
        large = self.large_proof is not None and memory > self.large_proof
        return WorkQueue.LARGE if large else WorkQueue.PROVE

    @property
    def models(self) -> Path:
        """Folder of the models, one per model digest."""
        return self.home / "models"

    @property
    def artifacts(self) -> Path:
        """Folder of the compiled artifacts, one per system record digest."""
        return self.home / "artifacts"

    @property
    def bundles(self) -> Path:
        """Folder of the bundles, one file per statement digest, unless `bundle_store` says else."""
        return self.home / "bundles"

    @property
    def broker_folder(self) -> Path:
        """Folder of the embedded broker: socket, append-only file, log."""
        return self.home / "broker"


def from_environment(environment: Mapping[str, str] | None = None) -> Config:
    """Reads the AVOW_ variables; raises ConfigurationError naming the variable and its value."""
    env = os.environ if environment is None else environment
    home = Path(env.get("AVOW_HOME") or _default_home(env)).expanduser().absolute()
    default_database = f"sqlite:///{home / 'avow.sqlite3'}"
    large_proof = _optional_number(env, "AVOW_LARGE_PROOF_BYTES", 1, 2**50)
    return Config(
        home=home,
        database_url=env.get("AVOW_DATABASE_URL") or default_database,
        broker_url=_broker(env),
        bundle_store=_bundle_store(env),
        rpc_url=env.get("AVOW_RPC_URL") or None,
        contracts=Path(env.get("AVOW_CONTRACTS") or "contracts"),
        keystore=_path(env, "AVOW_KEYSTORE"),
        keystore_password_file=_path(env, "AVOW_KEYSTORE_PASSWORD_FILE"),
        private_key=env.get("AVOW_PRIVATE_KEY") or None,
        allow_unsafe_srs=_flag(env, "AVOW_ALLOW_UNSAFE_SRS"),
        queues=_queues(env, large_proof is not None),
        concurrency=_number(env, "AVOW_CONCURRENCY", 1, 1, 256),
        infer_concurrency=_number(env, "AVOW_INFER_CONCURRENCY", 1, 1, 256),
        large_concurrency=_number(env, "AVOW_LARGE_CONCURRENCY", 1, 1, 256),
        large_proof=large_proof,
        max_attempts=_number(env, "AVOW_MAX_ATTEMPTS", 3, 1, 100),
        lease_seconds=_number(env, "AVOW_LEASE_SECONDS", 15, 2, 3600),
        infer_seconds=_number(env, "AVOW_INFER_SECONDS", 120, 1, 86_400),
        prove_seconds=_number(env, "AVOW_PROVE_SECONDS", 3600, 1, 7 * 86_400),
        prove_memory=_optional_number(env, "AVOW_PROVE_MEMORY_BYTES", 64 * 1024 * 1024, 2**50),
        job_seconds=_number(env, "AVOW_JOB_SECONDS", 86_400, 1, 366 * 86_400),
        max_open_jobs=_number(env, "AVOW_MAX_OPEN_JOBS", 10_000, 1, 10**9),
        minimum_free_disk=_number(env, "AVOW_MINIMUM_FREE_DISK_BYTES", 256 * 1024 * 1024, 0, 2**50),
        batch_size=_number(env, "AVOW_BATCH_SIZE", 16, 1, 1024),
        batch_window_ms=_number(env, "AVOW_BATCH_WINDOW_MS", 0, 0, 600_000),
        batch_seconds=_number(env, "AVOW_BATCH_SECONDS", 10, 1, 7 * 86_400),
        native_backend=_one_of(env, "AVOW_NATIVE_BACKEND", _BACKENDS),
        api_keys=_one_of(env, "AVOW_API_KEYS", _KEYS) or "auto",
        api_rate=_optional_number(env, "AVOW_API_RATE", 0, 1_000_000),
        api=ApiLimits(
            connections=_number(env, "AVOW_API_CONNECTIONS", 200, 2, 100_000),
            head_seconds=_number(env, "AVOW_API_HEAD_SECONDS", 10, 1, 3600),
            body_seconds=_number(env, "AVOW_API_BODY_SECONDS", 30, 1, 3600),
            read_seconds=_number(env, "AVOW_API_READ_SECONDS", 60, 1, 3600),
            jobs=_number(env, "AVOW_API_JOBS", 1000, 1, 10**9),
            streams=_number(env, "AVOW_API_STREAMS", 20, 1, 10_000),
            priority=_number(env, "AVOW_API_PRIORITY", 5, 0, 9),
            proxies=_networks(env, "AVOW_API_PROXIES"),
        ),
        device=_one_of(env, "AVOW_DEVICE", DEVICES) or "auto",
        webhooks_private=_flag(env, "AVOW_WEBHOOKS_PRIVATE"),
        log_format=_one_of(env, "AVOW_LOG_FORMAT", FORMATS) or FORMATS[0],
        log_level=_one_of(env, "AVOW_LOG_LEVEL", LEVELS) or "info",
        metrics=_listen(env, "AVOW_METRICS"),
        traces=_traces(env),
        enclave=enclave_settings(env),
    )


def as_environment(config: Config, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a worker's own processes: this configuration, without any key."""
    kept = {name: value for name, value in environment.items() if not name.startswith("AVOW_")}
    ours = {
        "AVOW_HOME": str(config.home),
        "AVOW_DATABASE_URL": config.database_url,
        "AVOW_BROKER_URL": config.broker_url or "",
        "AVOW_BUNDLES": config.bundle_store or "",
        "AVOW_ALLOW_UNSAFE_SRS": str(int(config.allow_unsafe_srs)),
        "AVOW_QUEUES": ",".join(queue.value for queue in config.queues),
        "AVOW_CONCURRENCY": str(config.concurrency),
        "AVOW_INFER_CONCURRENCY": str(config.infer_concurrency),
        "AVOW_LARGE_CONCURRENCY": str(config.large_concurrency),
        "AVOW_LARGE_PROOF_BYTES": str(config.large_proof or ""),
        "AVOW_LOG_FORMAT": config.log_format,
        "AVOW_LOG_LEVEL": config.log_level,
        "AVOW_TRACES": config.traces or "",
        "AVOW_MAX_ATTEMPTS": str(config.max_attempts),
        "AVOW_LEASE_SECONDS": str(config.lease_seconds),
        "AVOW_INFER_SECONDS": str(config.infer_seconds),
        "AVOW_PROVE_SECONDS": str(config.prove_seconds),
        "AVOW_PROVE_MEMORY_BYTES": str(config.prove_memory or ""),
        "AVOW_JOB_SECONDS": str(config.job_seconds),
        "AVOW_MAX_OPEN_JOBS": str(config.max_open_jobs),
        "AVOW_MINIMUM_FREE_DISK_BYTES": str(config.minimum_free_disk),
        "AVOW_BATCH_SIZE": str(config.batch_size),
        "AVOW_BATCH_WINDOW_MS": str(config.batch_window_ms),
        "AVOW_BATCH_SECONDS": str(config.batch_seconds),
        "AVOW_DEVICE": config.device,
    }
    if ENVIRONMENT in environment:
        # Where it is production, no simulation convinces anybody.
        ours[ENVIRONMENT] = environment[ENVIRONMENT]
    if config.native_backend is not None:
        ours["AVOW_NATIVE_BACKEND"] = config.native_backend
    return kept | ours


def _default_home(env: Mapping[str, str]) -> str:
    data = env.get("XDG_DATA_HOME")
    return str(Path(data) / "avow") if data else "~/.local/share/avow"


def _path(env: Mapping[str, str], name: str) -> Path | None:
    value = env.get(name)
    return Path(value).expanduser() if value else None


def _broker(env: Mapping[str, str]) -> str | None:
    address = env.get("AVOW_BROKER_URL")
    if not address:
        return None
    scheme = address.partition("://")[0]
    if scheme not in _BROKERS or scheme == address:
        # Only the scheme is shown, since the rest may hold a password.
        raise ConfigurationError(
            f"AVOW_BROKER_URL: expected redis://, rediss:// or redis+socket://, "
            f"got {scheme[:20] + '://' if '://' in address else 'no scheme'}"
        )
    return address


def _bundle_store(env: Mapping[str, str]) -> str | None:
    address = env.get(VARIABLE) or None
    if address is not None:
        parse_address(address)
    return address


def _queues(env: Mapping[str, str], large: bool) -> tuple[WorkQueue, ...]:
    value = env.get("AVOW_QUEUES") or ("infer,prove,large" if large else "infer,prove")
    known = [queue.value for queue in WorkQueue]
    named = [name.strip() for name in value.split(",")]
    if not set(named) <= set(known) or len(set(named)) != len(named):
        raise ConfigurationError(
            f"AVOW_QUEUES: expected some of {', '.join(known)}, each once, got {value[:40]!r}"
        )
    return tuple(queue for queue in WorkQueue if queue.value in named)


def _listen(env: Mapping[str, str], name: str) -> tuple[str, int] | None:
    value = env.get(name) or None
    if value is None:
        return None
    host, _, port = value.rpartition(":")
    try:
        address = str(ip_address(host.removeprefix("[").removesuffix("]")))
    except ValueError:
        address = ""
    if not address or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ConfigurationError(f"{name}: expected IP-ADDRESS:PORT, got {value[:40]!r}")
    return address, int(port)


def _networks(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    found = [item.strip() for item in env.get(name, "").split(",") if item.strip()]
    for item in found:
        try:
            ip_network(item)
        except ValueError as error:
            raise ConfigurationError(
                f"{name}: expected addresses and networks with commas, got {item[:40]!r}"
            ) from error
    return tuple(found)


def _traces(env: Mapping[str, str]) -> str | None:
    address = env.get("AVOW_TRACES") or None
    if address is not None and not address.startswith(("http://", "https://")):
        # Never repeated, since it may hold a password.
        raise ConfigurationError("AVOW_TRACES: expected http://... or https://... of a collector")
    return address


def _flag(env: Mapping[str, str], name: str) -> bool:
    value = env.get(name, "").strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ConfigurationError(f"{name}: expected 1 or 0, got {value[:40]!r}")


def _number(env: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    value = env.get(name, "").strip()
    if not value:
        return default
    return _bounded(name, value, least, most)


def _one_of(env: Mapping[str, str], name: str, known: tuple[str, ...]) -> str | None:
    value = env.get(name) or None
    if value is not None and value not in known:
        raise ConfigurationError(f"{name}: expected {', '.join(known)}, got {value[:40]!r}")
    return value


def _optional_number(env: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    value = env.get(name, "").strip()
    return _bounded(name, value, least, most) if value else None


def _bounded(name: str, value: str, least: int, most: int) -> int:
    try:
        number = int(value)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise ConfigurationError(
            f"{name}: expected a whole number from {least} to {most}, got {value[:40]!r}"
        )
    return number
