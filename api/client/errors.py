"""What the client raises; everything is a `ClientError`, and its text is one line.

ClientError
    BadInput          what was asked for does not fit the model, or the settings fit nothing
    Unreachable       no answer came, however often it was tried
    Misbehaved        an answer came that the protocol does not allow
    Refused           the server said no (RFC 9457); `status`, `title`, `detail`, `retry_after`
        NotAllowed    401, 403: the key is missing, unknown or lacks the scope
        Unknown       404
        Conflict      409: too early or too late for that
        Limited       429, 503: too many requests, or too much work
    JobEnded          the job failed, expired or was cancelled; it has not its evidence
    NotInTime         the time that the caller gave is over; the job goes on
    NotVerified       a bundle came and does not convince; `step` and `reason` say why
"""

from collections.abc import Mapping

from avow.api.errors import ApiError, one_line


class ClientError(ApiError):
    """Base of everything that the client raises."""

    def __init__(self, text: str) -> None:
        super().__init__(one_line(text))


class BadInput(ClientError):
    """The request cannot be made as it was asked for; nothing was sent."""


class Unreachable(ClientError):
    """No answer came: no connection, silence, or one that broke off, at every attempt."""


class Misbehaved(ClientError):
    """The server's answer is not one that the protocol allows; nothing of it was used."""


class Refused(ClientError):
    """The server said no. `retry_after` is in seconds, None where it named no time."""

    def __init__(self, status: int, title: str, detail: str, retry_after: float | None) -> None:
        self.status = status
        self.title = one_line(title, 80)
        self.detail = one_line(detail)
        self.retry_after = retry_after
        super().__init__(f"{status} {self.title}: {self.detail}" if detail else f"{status} {title}")


class NotAllowed(Refused):
    """The API key is missing, unknown, or lacks the scope."""


class Unknown(Refused):
    """There is no such job, model or bundle."""


class Conflict(Refused):
    """It is too early or too late for that."""


class Limited(Refused):
    """The server has too much to do, or this caller asks too often."""


class JobEnded(ClientError):
    """A job ended without its evidence; `state` is its last state, `reason` the server's."""

    def __init__(self, job: str, state: str, reason: str) -> None:
        self.job, self.state, self.reason = job, state, one_line(reason)
        super().__init__(f"job {job} is {state}: {reason}")


class NotInTime(ClientError):
    """The caller's own time limit is over; the job goes on at the server."""


class NotVerified(ClientError):
    """A bundle that does not show the answer that was asked for.

    `step` is the verification step that refused it, `reason` why.
    """

    def __init__(self, job: str, step: str, reason: str) -> None:
        self.job, self.step, self.reason = job, step, one_line(reason)
        super().__init__(f"the bundle of job {job} is refused at step {step}: {reason}")


_BY_STATUS: Mapping[int, type[Refused]] = {
    401: NotAllowed,
    403: NotAllowed,
    404: Unknown,
    409: Conflict,
    429: Limited,
    503: Limited,
}


def refusal(status: int, title: str, detail: str, retry_after: float | None) -> Refused:
    """The error for a status of 400 and above."""
    return _BY_STATUS.get(status, Refused)(status, title, detail, retry_after)
