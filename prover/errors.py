"""Everything that the prover room refuses or reports, one tree.

ProverError
    RequestRefused        a request from outside is not acceptable; nothing was stored
    QueueFull             too many jobs wait; nothing was stored
    QuotaReached          too many jobs of one API key wait; nothing was stored
    KeyReused             an idempotency key belongs to another request; nothing was stored
    KeyInUse              the first request with an idempotency key is still in progress
    UnknownJob            no job has this id
    UnknownKey            no API key has this id
    UnknownWebhook        no webhook, or no message of it, has this id
    NotReady              the job has not come to what was asked for yet, or never will
    IllegalTransition     the life cycle has no such step, or somebody else took it first
    Undecided             a bundle could not be judged here: time, memory or software lack
    LeaseLost             the work was cancelled, expired or handed to somebody else
    DatabaseUnavailable   the job database cannot be reached or written
    BrokerUnavailable     the message broker cannot be reached or started
    ConfigurationError    a variable of the environment has an unusable value
    WorkFailed            one attempt at inference or proof did not succeed
        Refused           it can never succeed: the job fails at once
        TryAgain          it may succeed later: counts as one attempt
        NotNow            this machine cannot take it at the moment: counts as no attempt
"""


class ProverError(Exception):
    """Base of every error of this room; its text is one line for a reader outside."""


class RequestRefused(ProverError):
    """A request from outside is not acceptable; nothing was stored."""


class QueueFull(ProverError):
    """Too many jobs wait already; nothing was stored, and a later request may be accepted.

    `seconds` is when to ask again: when the next job should end, as far as that is known.
    """

    def __init__(self, message: str, seconds: int = 30) -> None:
        super().__init__(message)
        self.seconds = seconds


class QuotaReached(QueueFull):
    """Too many jobs of one API key wait already; nothing was stored.

    `seconds` as in `QueueFull`.
    """


class KeyReused(ProverError):
    """An idempotency key belongs to another request; nothing was stored."""


class KeyInUse(ProverError):
    """The first request with an idempotency key is still in progress; ask again."""


class UnknownJob(ProverError):
    """No job has this id."""


class UnknownKey(ProverError):
    """No API key has this id."""


class NotReady(ProverError):
    """The job has not come to what was asked for, or never will; the text says which."""


class IllegalTransition(ProverError):
    """The life cycle has no such step from where the job stands."""


class UnknownWebhook(ProverError):
    """No webhook, or no message of it, has this id."""


class Undecided(ProverError):
    """A bundle could not be judged here; this says nothing about the bundle."""


class LeaseLost(ProverError):
    """The work no longer belongs to who asks: cancelled, expired or handed to somebody else."""


class DatabaseUnavailable(ProverError):
    """The job database cannot be reached or written; what was asked did not happen."""


class BrokerUnavailable(ProverError):
    """The message broker cannot be reached or started; jobs wait in the outbox."""


class ConfigurationError(ProverError):
    """A variable of the environment has a value that cannot be used."""


class WorkFailed(ProverError):
    """One attempt at inference or proof did not succeed."""


class Refused(WorkFailed):
    """No attempt can succeed: the job fails at once."""


class TryAgain(WorkFailed):
    """A later attempt may succeed; this one counts against the cap."""


class NotNow(WorkFailed):
    """This machine cannot take the work at the moment; no attempt is counted."""
