r"""The two-layer linear network, exact at any width.

The network ``f(x) = V^T U x / sqrt(n)`` has n (d + k) weights, but its gradient
mixes the columns of ``W = [U V]`` only among themselves: one step is ``W <- W M`` with
``M = 1 - (eta / sqrt(n)) [[0, g], [g^T, 0]]`` and ``g = X^T (f - y) / m``. Hence the Gram
matrix closes, ``W^T W <- M W^T W M``, and a step costs the same at every width. Scaled as
``A = U^T U / n``, ``F = U^T V / sqrt(n)``, ``B = V^T V / n``, the width enters as ``1 / n``
alone, and an infinite width is the case ``1 / n = 0``.

A *state* is the array ``[[A, F], [F^T, B]]`` of shape ``(..., p, p)``; leading axes are an
ensemble. U is written in the principal coordinates of the inputs (``directions`` of
:class:`~catapult_sim.numeric.linear_net.data.PrincipalData`), r = rank of X in number.
Where r < d, one more coordinate carries the norm of what U does outside the span of the
inputs, which training leaves alone. So p = r + k or r + 1 + k.

====================  ============================================================================
``network``           ``LinearNet``: drawn, trained and observed at any width
``observables``       loss, kernel and curvature of a state
``hessian``           all n (d + k) eigenvalues of the Hessian
``data``              the principal coordinates of the inputs, in which weights and gradients are
``wishart``           Gram matrices of Gaussian weights
``gradient_descent``  full-batch gradient descent
``on_gram``           every other optimiser, on the Gram matrix of weights and their memory
``on_weights``        the same on the weights, where these are few
``column_sets``       the base of these two: sets of columns that a step mixes
====================  ============================================================================

The model is that of [Lewkowycz2020], section 2; the closure was derived for this package.
"""

from typing import TYPE_CHECKING

from catapult_sim.lazy import attach

if TYPE_CHECKING:
    from catapult_sim.numeric.linear_net import column_sets as column_sets
    from catapult_sim.numeric.linear_net import data as data
    from catapult_sim.numeric.linear_net import gradient_descent as gradient_descent
    from catapult_sim.numeric.linear_net import hessian as hessian
    from catapult_sim.numeric.linear_net import network as network
    from catapult_sim.numeric.linear_net import observables as observables
    from catapult_sim.numeric.linear_net import on_gram as on_gram
    from catapult_sim.numeric.linear_net import on_weights as on_weights
    from catapult_sim.numeric.linear_net import wishart as wishart
    from catapult_sim.numeric.linear_net.network import LinearNet as LinearNet
else:
    __getattr__, __dir__ = attach(__name__)
