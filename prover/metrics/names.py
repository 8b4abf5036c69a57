"""Every metric that a process of Avow shows: name, kind, labels, and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_BYTES = tuple(float(1024 * 4**power) for power in range(1, 13))
_HTTP_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Kind(Enum):
    """How Prometheus reads a metric; the value is its word for it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Shown(Enum):
    """Which process shows a metric; the value is how the reference names it."""

    API = "API"
    WORKER = "worker"
    NODE = "provider, validator, planter"
    EVERYWHERE = "all"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's name (a counter's ends in `_total`), labels, bounds of its buckets, and text."""

    name: str
    kind: Kind
    shown: Shown
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


def _histogram(name: str, text: str, bounds: tuple[float, ...]) -> Metric:
    return Metric(name, Kind.HISTOGRAM, Shown.API, text, ("system",), bounds)


INFERENCE_SECONDS = _histogram(
    "avow_inference_seconds", "Time from a worker's start on a request to its answer.", _SECONDS
)
PROVING_SECONDS = _histogram(
    "avow_proving_seconds",
    "Time of one piece of evidence, of however many answers, until its first bundle is stored.",
    _SECONDS,
)
VERIFYING_SECONDS = _histogram(
    "avow_verifying_seconds", "Time of a worker's own check of the bundles made together.", _SECONDS
)
PROOF_BYTES = _histogram("avow_proof_bytes", "Size of a stored bundle.", _BYTES)
PEAK_MEMORY = _histogram(
    "avow_proving_peak_memory_bytes",
    "Most resident memory of the process that made evidence, where its system measures it.",
    _BYTES,
)
# Kept in the database, because each value comes from a process that may end any time.
OBSERVED = (INFERENCE_SECONDS, PROVING_SECONDS, VERIFYING_SECONDS, PROOF_BYTES, PEAK_MEMORY)

JOBS = Metric("avow_jobs", Kind.GAUGE, Shown.API, "Jobs in each state.", ("state",))
QUEUE_JOBS = Metric("avow_queue_jobs", Kind.GAUGE, Shown.API, "Jobs that wait.", ("queue",))
QUEUE_AGE = Metric(
    "avow_queue_age_seconds",
    Kind.GAUGE,
    Shown.API,
    "How long the job has waited that waits longest, 0 where none does.",
    ("queue",),
)
LEASES = Metric(
    "avow_leases", Kind.GAUGE, Shown.API, "Tasks that a worker holds and works on.", ("task",)
)
OUTBOX = Metric(
    "avow_outbox_messages", Kind.GAUGE, Shown.API, "Messages that the broker does not have yet."
)
LEGS = Metric("avow_legs", Kind.GAUGE, Shown.API, "Evidence legs in each state.", ("state",))
LEG_OUTCOMES = Metric(
    "avow_leg_outcomes",
    Kind.GAUGE,
    Shown.API,
    "Evidence legs by what became of their work; open while it goes on.",
    ("outcome",),
)
DEAD_LETTERS = Metric(
    "avow_dead_letters",
    Kind.GAUGE,
    Shown.API,
    "Legs that were given up and wait for an operator.",
)
DATABASE_UP = Metric(
    "avow_database_up", Kind.GAUGE, Shown.API, "1 when this scrape could read the job database."
)
FROM_DATABASE = (
    JOBS,
    QUEUE_JOBS,
    QUEUE_AGE,
    LEASES,
    OUTBOX,
    LEGS,
    LEG_OUTCOMES,
    DEAD_LETTERS,
    DATABASE_UP,
)

HTTP_REQUESTS = Metric(
    "avow_http_requests_total",
    Kind.COUNTER,
    Shown.API,
    "Requests answered by this process.",
    ("method", "route", "status"),
)
HTTP_SECONDS = Metric(
    "avow_http_request_seconds",
    Kind.HISTOGRAM,
    Shown.API,
    "Time to the end of an answer, by this process.",
    ("method", "route"),
    _HTTP_SECONDS,
)

LABOURERS = Metric(
    "avow_worker_labourers",
    Kind.GAUGE,
    Shown.WORKER,
    "1 while the process that serves a queue runs.",
    ("queue",),
)
LABOURER_STARTS = Metric(
    "avow_worker_labourer_starts_total",
    Kind.COUNTER,
    Shown.WORKER,
    "Starts of the process that serves a queue; more than one means that it ended.",
    ("queue",),
)
RELAYED = Metric(
    "avow_worker_relayed_total", Kind.COUNTER, Shown.WORKER, "Messages carried to the broker."
)
RECONCILED = Metric(
    "avow_worker_reconciled_total",
    Kind.COUNTER,
    Shown.WORKER,
    "Jobs that were put right: taken_back, expired or resent.",
    ("what",),
)
BROKER_UP = Metric(
    "avow_worker_broker_up", Kind.GAUGE, Shown.WORKER, "1 when the broker answered last."
)

ESCROW = Metric(
    "avow_market_escrow_units",
    Kind.GAUGE,
    Shown.NODE,
    "Payment tokens that the market contract holds, in token units.",
    ("role",),
)
STAKE = Metric(
    "avow_node_stake_units",
    Kind.GAUGE,
    Shown.NODE,
    "What the account can lose: a validator's stake, a provider's bonds in orders under way.",
    ("role",),
)
CREDIT = Metric(
    "avow_node_credit_units",
    Kind.GAUGE,
    Shown.NODE,
    "What the account can withdraw from the market, in token units.",
    ("role",),
)
TOKENS = Metric(
    "avow_node_tokens_units",
    Kind.GAUGE,
    Shown.NODE,
    "The account's payment tokens outside the market, in token units.",
    ("role",),
)
SLASHES = Metric(
    "avow_node_slashes_total",
    Kind.COUNTER,
    Shown.NODE,
    "Bonds slashed in this market, as read from the chain: own (of this account) or other.",
    ("role", "whose"),
)
SLASHED = Metric(
    "avow_node_slashed_units_total",
    Kind.COUNTER,
    Shown.NODE,
    "Token units slashed in this market: own (of this account) or other.",
    ("role", "whose"),
)
ORDERS = Metric(
    "avow_node_orders", Kind.GAUGE, Shown.NODE, "Orders seen, by status.", ("role", "status")
)
CLAIMS = Metric(
    "avow_node_claims",
    Kind.GAUGE,
    Shown.NODE,
    "Claims read from the chain, by what was found of them; a provider's own are unknown, or wrong "
    "once they were overturned.",
    ("role", "verdict"),
)
DISPUTES = Metric(
    "avow_node_disputes",
    Kind.GAUGE,
    Shown.NODE,
    "Claims found wrong whose end does not lie deep enough yet.",
    ("role",),
)
MOVES = Metric(
    "avow_node_dispute_moves_total",
    Kind.COUNTER,
    Shown.NODE,
    "Moves of disputes that were handed to a node, by kind.",
    ("role", "move"),
)
CLAIM_CREDIT = Metric(
    "avow_node_claim_credit_units",
    Kind.GAUGE,
    Shown.NODE,
    "What the account can withdraw from the contract of claims, in token units.",
    ("role",),
)
WRONG_ATTESTED = Metric(
    "avow_node_wrong_attested_total",
    Kind.COUNTER,
    Shown.NODE,
    "Attested answers found wrong beside claims that were recomputed, since the node was started: "
    "contradicted, needs_proof (the log has the commands), or lost.",
    ("role", "outcome"),
)
WATCH_STAKE = Metric(
    "avow_watch_stake_units",
    Kind.GAUGE,
    Shown.NODE,
    "What the account has staked in the watch over claims, in token units.",
    ("role",),
)
WATCH_DUTIES = Metric(
    "avow_watch_duties_total",
    Kind.COUNTER,
    Shown.NODE,
    "Claims that the watch gave the account to look at, since the node was started.",
    ("role",),
)
WATCH_VERDICTS = Metric(
    "avow_watch_verdicts",
    Kind.GAUGE,
    Shown.NODE,
    "Claims found wrong of which the watch may still ask.",
    ("role",),
)
WATCH_PLANTS = Metric(
    "avow_watch_plants_total",
    Kind.COUNTER,
    Shown.NODE,
    "Plants as read from the chain: exposed to anybody; found, paid or missed by the account.",
    ("role", "outcome"),
)
WATCH_CHARGED = Metric(
    "avow_watch_charged_units_total",
    Kind.COUNTER,
    Shown.NODE,
    "Token units of the account's stake that were burned, for missed plants and for silence.",
    ("role",),
)
HEAD = Metric("avow_node_block", Kind.GAUGE, Shown.NODE, "The last block that was read.", ("role",))
CHAIN_UP = Metric(
    "avow_node_chain_up",
    Kind.GAUGE,
    Shown.NODE,
    "1 when the chain's figures could be read last.",
    ("role",),
)

BUILD = Metric("avow_build_info", Kind.GAUGE, Shown.EVERYWHERE, "Always 1.", ("version",))

METRICS: tuple[Metric, ...] = (
    *FROM_DATABASE,
    *OBSERVED,
    HTTP_REQUESTS,
    HTTP_SECONDS,
    LABOURERS,
    LABOURER_STARTS,
    RELAYED,
    RECONCILED,
    BROKER_UP,
    ESCROW,
    STAKE,
    CREDIT,
    TOKENS,
    SLASHES,
    SLASHED,
    ORDERS,
    CLAIMS,
    DISPUTES,
    MOVES,
    CLAIM_CREDIT,
    WRONG_ATTESTED,
    WATCH_STAKE,
    WATCH_DUTIES,
    WATCH_VERDICTS,
    WATCH_PLANTS,
    WATCH_CHARGED,
    HEAD,
    CHAIN_UP,
    BUILD,
)
