"""One bundle among several, opened once however many policies look at it."""

from dataclasses import replace

from avow.verifier.errors import VerificationError
from avow.verifier.policy import Policy
from avow.verifier.systems.system import Findings
from avow.verifier.verdict import Verdict
from avow.verifier.verify import Case, bounded, check_case, conclude, open_case


class Exhibit:
    """What is established of one bundle: `case` is None where it could not even be opened."""

    def __init__(self, data: bytes) -> None:
        self.case: Case | None = None
        self._refused: VerificationError | None = None
        # The proof is checked once for every kind of question that a half is asked.
        self._findings: list[tuple[tuple[object, ...], Findings | VerificationError]] = []
        try:
            with bounded():
                self.case = open_case(data)
        except VerificationError as error:
            self._refused = error

    def judge(self, policy: Policy, at: int | None) -> Verdict | VerificationError:
        """What `verify` says of the bundle under one policy."""
        if self.case is None:
            return self._refused or VerificationError("parse", "the bundle could not be opened")
        system = self.case.bundle.statement.system
        if policy.systems is not None and system not in policy.systems:
            # Soon, since its proof would not count whatever it shows.
            allowed = ", ".join(policy.systems)
            return VerificationError("policy", f"the policy allows {allowed}, not {system}")
        try:
            with bounded():
                found = self._checked(self.case, policy)
                fresh = replace(self.case.log, steps=list(self.case.log.steps))
                return conclude(replace(self.case, log=fresh), found, policy, at)
        except VerificationError as error:
            return error

    def _checked(self, case: Case, policy: Policy) -> Findings:
        asked = (policy.sample, policy.anchor, policy.attestation)
        known = next((found for question, found in self._findings if question == asked), None)
        if known is None:
            try:
                known = check_case(case, policy)
            except VerificationError as error:
                known = error
            self._findings.append((asked, known))
        if isinstance(known, VerificationError):
            raise known
        return known
