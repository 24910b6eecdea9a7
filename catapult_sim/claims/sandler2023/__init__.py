"""The losses of minibatches, and averages of iterates [Sandler2023].

The quadratic model, :mod:`~catapult_sim.claims.sandler2023.model`: closed forms, propagated moments
and samples against one another, and the learning rates that averages are worth. On digits: the
losses of fixed batches, :mod:`~catapult_sim.claims.sandler2023.batches`; averages of networks,
:mod:`~catapult_sim.claims.sandler2023.averages`, also eigenvector by eigenvector,
:mod:`~catapult_sim.claims.sandler2023.timescales`. On digits or Fashion-MNIST: averages at several
learning rates, with and without momentum, :mod:`~catapult_sim.claims.sandler2023.table`, and after
the rate is lowered, :mod:`~catapult_sim.claims.sandler2023.lowered`.
"""

from catapult_sim.claims.sandler2023.averages import average_claims
from catapult_sim.claims.sandler2023.batches import batch_claims
from catapult_sim.claims.sandler2023.digits import RATES
from catapult_sim.claims.sandler2023.lowered import lowered_claims
from catapult_sim.claims.sandler2023.model import model_claims, rate_claims
from catapult_sim.claims.sandler2023.table import table_claims
from catapult_sim.claims.sandler2023.timescales import timescale_claims

CLAIMS = (
    *model_claims(),
    *rate_claims(),
    *(claim for loss in RATES for claim in batch_claims(loss)),
    *(claim for loss in RATES for claim in average_claims(loss)),
    *timescale_claims(),
    *table_claims(),
    *lowered_claims(),
)
