"""The files of an artifact of `sumcheck/v1` beside its records.

The program's constants lie in `blobs/`, each named by its digest.
"""

PROGRAM = "program.json"
KEY = "key.json"
POWERS = "powers.bin"
REQUIRED = (PROGRAM, KEY, POWERS)
OPTIONAL: tuple[str, ...] = ()
