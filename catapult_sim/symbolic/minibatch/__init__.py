r"""SGD and averages of its iterates on quadratic minibatch losses.

:mod:`~catapult_sim.symbolic.minibatch.moments` derives the linear equations that the mean and the
covariance of iterates and averages obey, :mod:`~catapult_sim.symbolic.minibatch.variances` solves
them, :mod:`~catapult_sim.symbolic.minibatch.rates` gives equivalent learning rates, and
:mod:`~catapult_sim.symbolic.minibatch.growth` says how outputs grow on orthogonal samples.
"""

from catapult_sim.symbolic.minibatch.growth import (
    b,
    mean_square_threshold,
    moment_factor,
    moment_growth,
    q,
    typical_growth,
)
from catapult_sim.symbolic.minibatch.moments import (
    a,
    averaged_moments,
    averaged_step,
    beta,
    c,
    gamma,
    heavy_ball_moments,
    moments,
    nesterov_moments,
    sgd_moments,
    stationary,
    step,
)
from catapult_sim.symbolic.minibatch.rates import best_schedule, equivalent_rate, limits
from catapult_sim.symbolic.minibatch.variances import (
    V,
    ema_variance,
    g,
    growing_mean,
    growing_variance,
    heavy_ball_variance,
    k,
    m,
    mean_after,
    nesterov_variance,
    sgd_variance,
    shuffled_variance,
    swa_variance,
    t,
    two_point_variance,
    variance_after,
)

__all__ = [
    "V",
    "a",
    "averaged_moments",
    "averaged_step",
    "b",
    "best_schedule",
    "beta",
    "c",
    "ema_variance",
    "equivalent_rate",
    "g",
    "gamma",
    "growing_mean",
    "growing_variance",
    "heavy_ball_moments",
    "heavy_ball_variance",
    "k",
    "limits",
    "m",
    "mean_after",
    "mean_square_threshold",
    "moment_factor",
    "moment_growth",
    "moments",
    "nesterov_moments",
    "nesterov_variance",
    "q",
    "sgd_moments",
    "sgd_variance",
    "shuffled_variance",
    "stationary",
    "step",
    "swa_variance",
    "t",
    "two_point_variance",
    "typical_growth",
    "variance_after",
]
