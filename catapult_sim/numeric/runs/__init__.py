"""Run an ensemble step by step, and classify how its members ended.

================  ================================================================================
``iterate``       iterate a rule or a step over an ensemble
``trajectory``    what is observed along a run, at which steps, and how each member ended
``phases``        lazy, catapult, divergent or undecided
``boundary``      brackets of the value at which members cross from one phase to the next
``optimizers``    gradient descent, heavy ball, Nesterov, an explicit regulariser
``rule``          run a training by any optimiser: checks, memory, threads, checkpoints
``strides``       several steps in one call, in blocks of members that fit the cache, on threads
``averages``      averages of iterates: EMA, SWA, windows, two points
``batches``       which samples each minibatch step sees
``checkpoint``    store a long run on disk and continue it
``measured``      a number with its standard error
``blas_threads``  how many threads linear algebra may use
================  ================================================================================
"""

from typing import TYPE_CHECKING

from catapult_sim.lazy import attach

if TYPE_CHECKING:
    from catapult_sim.numeric.runs import averages as averages
    from catapult_sim.numeric.runs import batches as batches
    from catapult_sim.numeric.runs import blas_threads as blas_threads
    from catapult_sim.numeric.runs import boundary as boundary
    from catapult_sim.numeric.runs import checkpoint as checkpoint
    from catapult_sim.numeric.runs import iterate as iterate
    from catapult_sim.numeric.runs import measured as measured
    from catapult_sim.numeric.runs import optimizers as optimizers
    from catapult_sim.numeric.runs import phases as phases
    from catapult_sim.numeric.runs import rule as rule
    from catapult_sim.numeric.runs import strides as strides
    from catapult_sim.numeric.runs import trajectory as trajectory
else:
    __getattr__, __dir__ = attach(__name__)
