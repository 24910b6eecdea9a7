r"""Products of random matrices: how SGD's linear dynamics grow, typically and in their moments.

==================  ==============================================================================
``linear_sgd``      the steps of SGD on a kernel that does not move, as random matrices
``exponents``       Lyapunov exponent, growth rates of moments, the exponent of heavy tails
``RandomMatrices``  matrices that are drawn independently with given probabilities
==================  ==============================================================================

Where a network is wide, a step on batch b takes the coordinates z of its outputs in the kernel's
eigenvectors to ``(1 - eta K_b) z``. Their products over steps grow like ::

    lim (1/t) E log |prod z|       = gamma     typically: the Lyapunov exponent,
    lim (1/t) log E |prod z|^q     = L(q)      on average: generalised Lyapunov exponents.

L is convex, ``L(0) = 0`` and ``L'(0) = gamma``. Where gamma < 0, the largest value on the way has
the tail ``P(max |z| > R) ~ R^-theta``, with theta > 0 the root of ``L(theta) = 0`` [Kesten1973].
"""

from typing import TYPE_CHECKING

from catapult_sim.lazy import attach

if TYPE_CHECKING:
    from catapult_sim.numeric.random_products import exponents as exponents
    from catapult_sim.numeric.random_products import linear_sgd as linear_sgd
    from catapult_sim.numeric.random_products.exponents import RandomMatrices as RandomMatrices
else:
    __getattr__, __dir__ = attach(__name__)
