"""The one error of this room, and how a library's error becomes part of its line."""


class ModelError(Exception):
    """A model, its data or its store cannot be used; the message is one line for a person.

    It says what was expected and what came.
    """


def one_line(error: Exception) -> str:
    """What another library said, on one line of printable characters, at most 300 of them."""
    text = "".join(character if character.isprintable() else " " for character in str(error))
    return " ".join(text.split())[:300] or type(error).__name__
