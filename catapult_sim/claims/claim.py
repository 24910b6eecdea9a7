"""Claims: who says what, how surely, in which setting, and the measurement it is judged by.

A claim answers five questions. *Who says it* (``says``): one of the four papers that the package is
about, a follow-up paper, this package where it derives something of its own, or the package about
its own instruments. *How surely* (``kind``):

=============  =====================================================================
``theorem``    exact; it has to hold
``statement``  what a paper says about networks; it may be wrong, or wrong elsewhere
``finding``    measured here; nothing is predicted, so there is no verdict
=============  =====================================================================

*Where*: in the paper's own setting, or in a reduced one, with what is reduced in words
(``reduced``). *What number* is predicted and measured (``predict``, ``measure``, ``relation``).
*How exactly* (``tolerance``), and where that is from (``because``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.runs.measured import Measured
from catapult_sim.tables import html_table

Kind = Literal["theorem", "statement", "finding"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Role = Literal["paper", "follow-up", "derived", "instrument"]
ROLES: tuple[Role, ...] = get_args(Role)
"""One of the four papers; a paper that follows one of them; the package; the package of itself."""

Relation = Literal["=", "<=", ">="]
Prediction = float | Callable[[Bench], float]


@dataclass(frozen=True)
class Source:
    """Who says what is claimed, and where.

    Examples
    --------
    >>> paper = Source("Lewkowycz et al. 2020", "paper")
    >>> print(paper, "|", paper.at("theorem 1"))
    Lewkowycz et al. 2020 | Lewkowycz et al. 2020, theorem 1
    """

    name: str
    role: Role
    place: str = ""
    arxiv: str = ""  # number, such as 2003.02218

    def __str__(self) -> str:
        """Print the name, and the place if there is one."""
        return f"{self.name}, {self.place}" if self.place else self.name

    def at(self, place: str) -> Source:
        """Return the same source at one of its places, such as "theorem 1"."""
        return replace(self, place=place)


# Words for the digits, and for what full effort takes instead of them.
DIGITS = re.compile(r"^(digits|images)(?=,)|(8x8 |odd and even )?\bdigits\b")
FULL_EFFORT = re.compile(r", with full effort 14x14 Fashion-MNIST[^,]*")

ROUNDING = "rounding of double precision, accumulated over a run"
CORRECTIONS = "corrections beyond the stated order, brackets and draws, chosen to exceed them"


@dataclass(frozen=True)
class Claim:
    """A statement about a number that can be measured.

    A measurement may raise :class:`~catapult_sim.numeric.runs.measured.NothingToMeasure`.
    """

    id: str
    text: str
    says: Source
    predict: Prediction | None  # None for a finding
    measure: Callable[[Bench], Measured]
    tolerance: float = 0.0  # chosen before the measurement
    relation: Relation = "="  # of the measured number to the predicted one
    kind: Kind = "statement"
    reduced: str = ""  # what is smaller or other than in the paper; empty in its own setting
    because: str = ""  # where the tolerance is from
    cost: float = 1.0  # processor seconds that it adds to those of its topic, quick effort
    shares: str = ""  # name of its topic; empty for the first two words of the id

    @property
    def setting(self) -> str:
        """``"own"`` or ``"reduced"``."""
        return "reduced" if self.reduced else "own"

    @property
    def topic(self) -> str:
        """Name of the claims that share measurements, so that one worker judges them."""
        return self.shares or ".".join(self.id.split(".")[:2])

    def judged_on(self, bench: Bench) -> Claim:
        """Return the claim in words that name the bench's data, where these are not the digits."""
        own = bench.own
        if own is None:
            return self
        samples = f"samples of {own}"

        def words(text: str) -> str:
            found = FULL_EFFORT.sub("", text)
            return DIGITS.sub(lambda match: own if match[1] else samples, found)

        return replace(self, text=words(self.text), reduced=words(self.reduced))

    def _repr_html_(self) -> str:
        """Return a table of what is claimed, who says so, and the tolerance."""
        names = ("id", "text", "says", "kind", "setting", "relation", "tolerance", "because")
        return html_table({name: [getattr(self, name)] for name in names})

    def predicted(self, bench: Bench) -> float:
        """Return the predicted number on a bench, NaN where nothing is predicted."""
        if self.predict is None:
            return float("nan")
        return float(self.predict(bench) if callable(self.predict) else self.predict)


class Comparison(NamedTuple):
    """A measurement and the number that it is compared with."""

    measure: Callable[..., Measured]
    predict: Prediction | None
    tolerance: float = 0.0
    relation: Relation = "="
    because: str = ""


def equals(
    measure: Callable[..., Measured], predict: Prediction, *, within: float, because: str = ""
) -> Comparison:
    """Claim that a measurement equals the predicted number, up to a tolerance."""
    return Comparison(measure, predict, within, "=", because or _default_reason(within))


def at_most(
    measure: Callable[..., Measured], predict: Prediction, *, within: float = 0.0, because: str = ""
) -> Comparison:
    """Claim that a measurement does not exceed a number, up to a tolerance."""
    return Comparison(measure, predict, within, "<=", because or _default_reason(within))


def at_least(
    measure: Callable[..., Measured], predict: Prediction, *, within: float = 0.0, because: str = ""
) -> Comparison:
    """Claim that a measurement is not less than a number, up to a tolerance."""
    return Comparison(measure, predict, within, ">=", because or _default_reason(within))


def measured(measure: Callable[..., Measured]) -> Comparison:
    """Report a measurement that nothing is predicted for: a finding."""
    return Comparison(measure, None)


def _default_reason(tolerance: float) -> str:
    if tolerance == 0:
        return "none: only the direction is stated"
    return ROUNDING if tolerance <= 1e-8 else CORRECTIONS


@dataclass(frozen=True)
class Claims:
    """The fields that claims on one subject share; calling it builds one of the claims.

    Parameters
    ----------
    says : Source
    group : str
        Ids are ``group.name``.
    about : str, optional
        Texts are ``about: text``.
    kind : {"statement", "theorem", "finding"}
    reduced : str, optional
    cost : float
        As in :class:`Claim`.
    shares : str, optional
        As in :class:`Claim`.
    given : mapping, optional
        Keyword arguments of every measurement.

    Examples
    --------
    >>> paper = Source("Lewkowycz et al. 2020", "paper", "theorem 1")
    >>> theorem = Claims(paper, "catapult", "one sample", "theorem")
    >>> end = lambda bench: Measured(4.001, 0.001, 8)
    >>> claim = theorem("end", "convergence ends at c = 4", equals(end, 4.0, within=0.01))
    >>> claim.id, claim.text, claim.kind, claim.setting
    ('catapult.end', 'one sample: convergence ends at c = 4', 'theorem', 'own')
    """

    says: Source
    group: str
    about: str = ""
    kind: Kind = "statement"
    reduced: str = ""
    cost: float = 1.0
    shares: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)

    def __call__(
        self,
        name: str,
        text: str,
        compared: Comparison,
        *,
        says: Source | None = None,
        kind: Kind | None = None,
        reduced: str | None = None,
        cost: float | None = None,
        shares: str | None = None,
    ) -> Claim:
        """Return a claim; fields that are not given have the shared values."""
        found_here = compared.predict is None
        return Claim(
            f"{self.group}.{name}",
            f"{self.about}: {text}" if self.about else text,
            says or self.says,
            compared.predict,
            partial(compared.measure, **self.given),
            compared.tolerance,
            compared.relation,
            "finding" if found_here else kind or self.kind,
            self.reduced if reduced is None else reduced,
            compared.because,
            self.cost if cost is None else cost,
            self.shares if shares is None else shares,
        )
