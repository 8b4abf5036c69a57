"""The files of an artifact of `optimistic/v1` beside its records.

The program's constants lie in `blobs/`, each named by its digest.
"""

from avow.models.program.files import PROGRAM

REQUIRED = (PROGRAM,)
OPTIONAL: tuple[str, ...] = ()
