"""The error of this room with one kind of its own; how a library's error becomes a part of it."""


class ModelError(Exception):
    """A model, its data or its store cannot be used; the message is one line for a person.

    It says what was expected and what came. Names out of files may hold line breaks and
    terminal codes, so whatever cannot be printed becomes a space here, once for all.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_printable(message))


class NotInStore(ModelError):
    """A file was named whose model the store does not hold."""


def one_line(error: Exception) -> str:
    """What another library said, on one line, at most 300 characters."""
    return " ".join(_printable(str(error)).split())[:300] or type(error).__name__


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
