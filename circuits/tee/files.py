"""The files of an artifact of `tee/v1` beside its records.

The program's constants lie in `blobs/`, each named by its digest. `reference.json` is the
attestation policy from whose rows the record's measurements are computed.
"""

from avow.models.program.files import PROGRAM

REFERENCE = "reference.json"
REQUIRED = (PROGRAM, REFERENCE)
OPTIONAL: tuple[str, ...] = ()
