"""Data: images, files of one's own, their labels, and the scaling of their inputs.

=================  ===============================================================================
``digits``         the handwritten digits that scikit-learn ships
``load``           samples from a file
``scale_inputs``   scale all inputs alike, each one by itself, or not at all
``standardise``    shift and scale every input to mean 0 and variance 1
``subset``         draw some of the samples
=================  ===============================================================================
"""

from typing import TYPE_CHECKING

from catapult_sim.lazy import attach

if TYPE_CHECKING:
    from catapult_sim.datasets.files import load as load
    from catapult_sim.datasets.images import digits as digits
    from catapult_sim.datasets.sampling import subset as subset
    from catapult_sim.datasets.scaling import scale_inputs as scale_inputs
    from catapult_sim.datasets.scaling import standardise as standardise
else:
    __getattr__, __dir__, __all__ = attach(__name__)
