"""`python -m avow.verifier`: the command-line verifier."""

import sys

from avow.verifier.cli import main

sys.exit(main(program="python -m avow.verifier"))
