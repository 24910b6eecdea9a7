"""Data: images, files of one's own, what their labels mean, and the scaling of their inputs.

=================  ===============================================================================
``digits``         the handwritten digits of 8 x 8 pixels that scikit-learn ships
``mnist``          handwritten digits of 28 x 28 pixels, where their files are found
``fashion_mnist``  pictures of clothing of 28 x 28 pixels, where their files are found
``load``           samples of a file: CSV, NPZ or IDX
``Dataset``        inputs and labels, and in a line how they were understood
``encode_labels``  decide what labels mean: two signs, classes, or numbers to fit
``one_hot``        class numbers as rows with a single 1
``scale_inputs``   scale all inputs alike, each one by itself, or not at all
``standardise``    shift and scale every input to mean 0 and variance 1
``subset``         draw some of the samples
``divided``        draw samples to train on and others to judge by, as the commands do
=================  ===============================================================================
"""

from typing import TYPE_CHECKING

from catapult_sim.lazy import attach

if TYPE_CHECKING:
    from catapult_sim.datasets.dataset import Dataset as Dataset
    from catapult_sim.datasets.files import load as load
    from catapult_sim.datasets.images import digits as digits
    from catapult_sim.datasets.images import fashion_mnist as fashion_mnist
    from catapult_sim.datasets.images import mnist as mnist
    from catapult_sim.datasets.labels import encode_labels as encode_labels
    from catapult_sim.datasets.labels import one_hot as one_hot
    from catapult_sim.datasets.sampling import divided as divided
    from catapult_sim.datasets.sampling import subset as subset
    from catapult_sim.datasets.scaling import scale_inputs as scale_inputs
    from catapult_sim.datasets.scaling import standardise as standardise
else:
    __getattr__, __dir__ = attach(__name__)
