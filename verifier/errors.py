"""The one exception that leaves the verifier."""


class VerificationError(Exception):
    """A bundle, record, policy or proof that is refused.

    `step` names the verification step that refused it (`"parse"`, `"proof"`, ...). Of two others
    nothing was decided: `"setup"`, this machine lacks something, and `"usage"`, the call is wrong.
    The message says what was expected and what came.
    """

    def __init__(self, step: str, message: str) -> None:
        super().__init__(f"{step}: {message}")
        self.step = step
        self.message = message
