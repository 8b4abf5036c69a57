"""The one error of this room."""


class ModelError(Exception):
    """A model, its data or its store cannot be used; the message is one line for a person.

    It says what was expected and what came.
    """
