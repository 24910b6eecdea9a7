"""Compute many cells on any executor, with one append-only record that a rerun continues.

=================  ===============================================================================
``sweep``          compute every cell that the record does not hold yet
``cell``           mark a function of cells with the version of its physics
``identity``       which function computed a record: its name, with its version or its source
``dependencies``   the statements of a file that a function depends on
``own_modules``    the source of what it imports from the user's own modules
``encoding``       JSON of cells and of their results
``record``         read a record, or append to it under a lock
``refinement``     compute a two-dimensional phase diagram only where phases meet
``workers``        pools of worker processes
=================  ===============================================================================

A cell is a dict that JSON can hold, such as ``{"c": 3.0, "width": 64}``; its result is JSON too.
"""

from typing import TYPE_CHECKING

from catapult_sim.lazy import attach

if TYPE_CHECKING:
    from catapult_sim.sweeps import cell as cell
    from catapult_sim.sweeps import dependencies as dependencies
    from catapult_sim.sweeps import encoding as encoding
    from catapult_sim.sweeps import identity as identity
    from catapult_sim.sweeps import own_modules as own_modules
    from catapult_sim.sweeps import record as record
    from catapult_sim.sweeps import refinement as refinement
    from catapult_sim.sweeps import sweep as sweep
    from catapult_sim.sweeps import workers as workers
else:
    __getattr__, __dir__ = attach(__name__)
