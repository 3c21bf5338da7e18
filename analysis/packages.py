"""What the scripts need beyond Python itself."""

import sys


def end_without(error, *packages):
    """Ends the program after an ImportError: what to install, and for which Python."""
    sys.exit(f"{error} for {sys.executable}: install {' and '.join(packages)}, which are for "
             "/usr/bin/python3")
