"""Why one node cannot be compiled; collected, and raised as one `ModelError` at the end."""


class Refusal(Exception):
    """The reason, in words that follow the name of the node."""
