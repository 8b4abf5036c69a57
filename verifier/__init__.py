"""What Avow accepts and why: formats, proof checks and the verdict, in plain Python."""

__version__ = "0.1.0"
