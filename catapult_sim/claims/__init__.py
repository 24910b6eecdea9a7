"""Claims of the papers: a file or folder for each paper; no paper imports another."""

from collections.abc import Sequence
from importlib import import_module

from catapult_sim.claims.claim import Claim
from catapult_sim.validation import InputError

__all__ = ["CLAIMS", "PAPERS", "select"]

PAPERS = (
    "lewkowycz2020",
    "smith2021",
    "jastrzebski2019",
    "sandler2023",
    "kalra2023_early",
    "kalra2023_sharpness",
    "cohen2021",
    "zhu2022",
    "meltzer2023",
)
"""The files or folders of the papers; each has its ``CLAIMS``."""

CLAIMS: tuple[Claim, ...] = tuple(
    claim for paper in PAPERS for claim in import_module(f"{__name__}.{paper}").CLAIMS
)


def select(names: Sequence[str]) -> list[Claim]:
    """Return the claims whose ids are among the names, or begin with one of them and a dot.

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
