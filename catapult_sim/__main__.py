"""``python -m catapult_sim`` and ``catapult-sim``: the command line.

Nothing else is imported before Ctrl-C can end the process in silence: imports take a second.
"""

import os
import signal
import sys


def main() -> int:
    """Run the command line and return its exit status."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda number, _: os._exit(128 + number))
    _replace_closed_streams()
    from catapult_sim import cli
    from catapult_sim.commands.stopping import leave

    status = cli.main()
    if status in (cli.INTERRUPTED, cli.TERMINATED):
        leave(status)
    return status


def _replace_closed_streams() -> None:
    """Replace closed streams by ones that discard."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # It takes the place of the closed one, which else the next file would take.
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


if __name__ == "__main__":
    sys.exit(main())
