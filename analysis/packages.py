"""What the scripts need beyond Python itself."""

import sys


def end_without(error, *packages):
    """Ends the program after an ImportError: what to install, and for which Python."""
    sys.exit(f"{error} for {sys.executable}: run it with a Python that has what Debian's "
             f"{' and '.join(packages)} hold for /usr/bin/python3")
