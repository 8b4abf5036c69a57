"""A typed client of the HTTP API that verifies every bundle it receives.

It stands on the verifier and httpx alone. `Client` is for ordinary code, `AsyncClient` for code
with an event loop; both carry out the operations of `avow.api.client.operations`.
"""

from avow.api.client.asking import Asked, How, Verified, parse_asked
from avow.api.client.asynchronous import AsyncClient
from avow.api.client.blocking import Client
from avow.api.client.errors import (
    BadInput,
    ClientError,
    Conflict,
    JobEnded,
    Limited,
    Misbehaved,
    NotAllowed,
    NotInTime,
    NotVerified,
    Refused,
    Unknown,
    Unreachable,
)
from avow.api.client.leg import Leg
from avow.api.client.replies import Claim, Evidence, Job, Offer, Progress, Update
from avow.api.client.settings import Bounds
from avow.api.client.split import SplitShown
from avow.api.client.together import Missing, Shown

__all__ = [
    "Asked",
    "AsyncClient",
    "BadInput",
    "Bounds",
    "Claim",
    "Client",
    "ClientError",
    "Conflict",
    "Evidence",
    "How",
    "Job",
    "JobEnded",
    "Leg",
    "Limited",
    "Misbehaved",
    "Missing",
    "NotAllowed",
    "NotInTime",
    "NotVerified",
    "Offer",
    "Progress",
    "Refused",
    "Shown",
    "SplitShown",
    "Unknown",
    "Unreachable",
    "Update",
    "Verified",
    "parse_asked",
]
