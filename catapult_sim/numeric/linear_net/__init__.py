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

The model is that of Lewkowycz et al. 2020, arXiv:2003.02218, section 2; the closure was
derived for this package.
"""

from catapult_sim.numeric.linear_net.network import LinearNet

__all__ = ["LinearNet"]
