"""What papers say, judged: a file or folder for each paper; no paper imports another.

=================  ===============================================================================
``CLAIMS``         every claim of every paper
``PAPERS``         the names of the papers, each a file or folder here
``select``         find claims by their ids, by the beginnings of ids, or by paper
``paper_of``       the key of the paper that a claim belongs to, such as Smith2021
``usual``          the claims that are judged unless others are asked for
``claim``          a claim: who says it, how surely, in which setting, and what measures it
``sources``        who says what: the four papers, those that follow, the package
``verdict``        judge a claim, in words that fit its kind
``cells``          claims as the cells of a sweep
``illustrations``  the derived equations that claims test, and their figures
=================  ===============================================================================
"""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from catapult_sim.claims.claim import Claim
from catapult_sim.lazy import attach
from catapult_sim.validation import InputError

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
    "gess2026",
    "zhu2024",
    "cohen2025",
    "marion2026",
)
"""Every paper whose statements are judged: a file or folder of that name, with its ``CLAIMS``."""

BY_PAPER: dict[str, tuple[Claim, ...]] = {
    paper.replace("_", ""): tuple(import_module(f"{__name__}.{paper}").CLAIMS) for paper in PAPERS
}
CLAIMS: tuple[Claim, ...] = tuple(claim for claims in BY_PAPER.values() for claim in claims)


if TYPE_CHECKING:
    from catapult_sim.claims import cells as cells
    from catapult_sim.claims import claim as claim
    from catapult_sim.claims import illustrations as illustrations
    from catapult_sim.claims import sources as sources
    from catapult_sim.claims import verdict as verdict
else:
    __getattr__, __dir__ = attach(
        __name__, "CLAIMS", "PAPERS", "paper_of", "select", "usual", *PAPERS
    )


def usual(effort: str) -> list[Claim]:
    """Return the claims that are judged unless others are asked for.

    With effort "quick" these are all theorems, and the statements of the four papers; with "full"
    all claims.
    """
    return [
        claim
        for claim in CLAIMS
        if effort == "full"
        or claim.kind == "theorem"
        or (claim.kind == "statement" and claim.says.role == "paper")
    ]


def select(names: Sequence[str]) -> list[Claim]:
    """Return the claims with the given ids, whose ids begin with a name and a dot, or of a paper.

    Papers have the keys of ``docs/paper.md``, such as ``Smith2021``, in any case.

    Raises
    ------
    InputError
        Where a name matches no claim.

    Examples
    --------
    >>> [claim.id for claim in select(["catapult.threshold"])]
    ['catapult.threshold.peak', 'catapult.threshold.final-curvature']
    """
    asked = {claim.id for name in names for claim in _named(name)}
    return [claim for claim in CLAIMS if claim.id in asked]


def _named(name: str) -> Sequence[Claim]:
    """Return the claims that a name means, or raise InputError."""
    found = BY_PAPER.get(name.strip("[]").replace("_", "").lower()) or [
        claim for claim in CLAIMS if f"{claim.id}.".startswith(f"{name}.")
    ]
    if not found:
        groups = sorted({claim.id.split(".")[0] for claim in CLAIMS})
        papers = ", ".join(map(str.capitalize, BY_PAPER))
        raise InputError(
            "claims must be ids from `catapult-sim verify --list` or beginnings of them, such as "
            f"{', '.join(groups)}, or papers: {papers}; got {name!r}"
        )
    return found


def paper_of(claim: Claim) -> str:
    """Return the key of the paper to which a claim belongs, as in ``docs/paper.md``.

    Examples
    --------
    >>> paper_of(select(["catapult.threshold"])[0])
    'Lewkowycz2020'
    """
    return next(paper for paper, claims in BY_PAPER.items() if claim in claims).capitalize()
