"""The files of an artifact of `sumcheck/v1` beside its records.

The program's constants lie in `blobs/`, each named by its digest.
"""

from avow.models.program.files import PROGRAM

KEY = "key.json"
POWERS = "powers.bin"
REQUIRED = (PROGRAM, KEY, POWERS)
OPTIONAL: tuple[str, ...] = ()
