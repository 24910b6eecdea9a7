"""``python -m catapult_sim``: the command line."""

import sys

from catapult_sim.cli import main

if __name__ == "__main__":
    sys.exit(main())
