"""The entry point of `avow`: run the group, turn every exception into a line and a status."""

import atexit
import gc
import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; no exception leaves this function."""
    if arguments is None:
        # The process ends with the command: collecting what was loaded, object by object, would
        # take as long as half of loading it.
        atexit.register(gc.freeze)
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = os.environ.get("AVOW_DEBUG", "") not in ("", "0") or "--debug" in given[:1]
    try:
        # Imported here, so that Ctrl-C while modules load is caught as well.
        from avow.api.cli.group import avow

        outcome = avow.main(given, prog_name="avow", standalone_mode=False)
        # A verdict that could not be written leaves no stdout behind.
        if sys.stdout is not None:
            sys.stdout.flush()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException as error:
        from avow.api.cli.failures import report

        return report(error, debug)
    return outcome if isinstance(outcome, int) else 0


if __name__ == "__main__":
    sys.exit(main())
