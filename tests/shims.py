"""Environments of the preload shims, whose paths CMake passes in LOCKSTEP_..._SHIM."""

import os

SECONDS_A_LOOK = 2  # more than a batch waits: every block is saved as soon as it is computed


def fast_clock(kill_shim=False, **variables):
    """Saves every block at once; STOP_AT=n gives SIGTERM at the n-th look at the clock. With
    `kill_shim` SHIM_KILL_AT and its like act too."""
    names = ["CLOCK", "KILL"] if kill_shim else ["CLOCK"]
    return {"LD_PRELOAD": ":".join(os.environ[f"LOCKSTEP_{name}_SHIM"] for name in names),
            "CLOCK_STEP": str(SECONDS_A_LOOK),
            **{name: str(value) for name, value in variables.items()}}
