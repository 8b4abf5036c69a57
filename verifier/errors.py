"""The one exception that leaves the verifier."""


class VerificationError(Exception):
    """A bundle, record, policy or proof that is refused.

    `step` names the verification step that refused it (`"parse"`, `"proof"`, ...). The step
    `"setup"` is different: this machine lacks something, and nothing was decided. So is `"usage"`:
    what was asked for cannot be asked.
    The message says what was expected and what came.
    """

    def __init__(self, step: str, message: str) -> None:
        super().__init__(f"{step}: {message}")
        self.step = step
        self.message = message
