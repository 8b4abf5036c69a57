"""Who asks, and what they may: an API key's scopes, or everything where no keys are required."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from avow.api.problems import Problem
from avow.prover.access.keys import ApiKey, Scope, check
from avow.prover.database import Database
from avow.prover.errors import UnknownJob
from avow.prover.job import Job

BEARER = 'Bearer realm="avow"'
BASIC = 'Basic realm="Avow", charset="UTF-8"'
# Only described by it; the gate has identified the caller before any route runs.
_described = HTTPBearer(
    auto_error=False,
    scheme_name="apiKey",
    description="A key made by `avow keys create`. Required unless the API listens on the "
    "loopback address only.",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request; `key` None where no keys are required."""

    key: ApiKey | None

    @property
    def owner(self) -> str:
        """What jobs of this caller are marked with."""
        return "" if self.key is None else self.key.id

    @property
    def sees(self) -> str | None:
        """The owner whose jobs alone are shown; None shows everybody's."""
        return None if self.allows(Scope.ADMIN) else self.owner

    def allows(self, scope: Scope) -> bool:
        """Whether this caller may do what the scope stands for."""
        return self.key is None or self.key.allows(scope)

    def own(self, job: Job) -> Job:
        """The job, when this caller may see it; else raises UnknownJob, as if it were not there."""
        if self.sees not in (None, job.owner):
            raise UnknownJob(f"no job {job.id!r}")
        return job


def key_of(database: Database, authorization: str, now: int) -> ApiKey | None:
    """The key in an Authorization header: a bearer token, or the password of a basic one."""
    kind, _, value = authorization.partition(" ")
    if kind.lower() == "bearer":
        return check(database, value.strip(), now)
    if kind.lower() == "basic":
        try:
            text = base64.b64decode(value.strip(), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeError, ValueError):
            return None
        return check(database, text.partition(":")[2], now)
    return None


def needs(scope: Scope) -> Callable[..., Caller]:
    """A route's dependency: the caller, refused with 403 when the key lacks the scope."""

    def admitted(request: Request, described: Annotated[object, Depends(_described)]) -> Caller:
        caller = request.scope.get("avow.caller")
        if not isinstance(caller, Caller):
            raise TypeError("the application was made without its gate")
        if not caller.allows(scope):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                f"this API key lacks the scope {scope.value!r}",
                {"WWW-Authenticate": f'{BEARER}, error="insufficient_scope"'},
            )
        return caller

    return admitted


Reader = Annotated[Caller, Depends(needs(Scope.READ))]
Submitter = Annotated[Caller, Depends(needs(Scope.SUBMIT))]
Checker = Annotated[Caller, Depends(needs(Scope.VERIFY))]
Operator = Annotated[Caller, Depends(needs(Scope.ADMIN))]
