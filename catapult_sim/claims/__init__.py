"""What the papers say, judged: one file per question, one door per paper."""

from collections.abc import Sequence

from catapult_sim.claims import (
    catapult,
    catapult_variants,
    early_training,
    edge_of_stability,
    generalization,
    implicit_regularization,
    linear_dynamics,
    minibatch_losses,
    progressive_sharpening,
    quadratic_models,
    sharpest_directions,
    weight_norm,
)
from catapult_sim.claims.verdict import Claim
from catapult_sim.numeric.requirements import InputError

__all__ = ["CLAIMS", "select"]

CLAIMS: tuple[Claim, ...] = (
    *catapult.CLAIMS,
    *catapult_variants.CLAIMS,
    *generalization.CLAIMS,
    *implicit_regularization.CLAIMS,
    *edge_of_stability.CLAIMS,
    *minibatch_losses.CLAIMS,
    *early_training.CLAIMS,
    *progressive_sharpening.CLAIMS,
    *quadratic_models.CLAIMS,
    *weight_norm.CLAIMS,
    *linear_dynamics.CLAIMS,
    *sharpest_directions.CLAIMS,
)


def select(names: Sequence[str]) -> list[Claim]:
    """Return the claims with the given ids, or whose ids begin with a name and a dot.

    Raises
    ------
    InputError
        Where a name matches no claim.

    Examples
    --------
    >>> [claim.id for claim in select(["catapult.threshold"])]
    ['catapult.threshold.peak', 'catapult.threshold.final-curvature']
    """
    for name in names:
        if not any(f"{claim.id}.".startswith(f"{name}.") for claim in CLAIMS):
            groups = sorted({claim.id.split(".")[0] for claim in CLAIMS})
            raise InputError(
                "claims must be ids from `catapult-sim verify --list` or beginnings of them, such "
                f"as {', '.join(groups)}; got {name!r}"
            )
    return [
        claim for claim in CLAIMS if any(f"{claim.id}.".startswith(f"{name}.") for name in names)
    ]
