"""Claims: what a paper says, with the prediction and the measurement it is judged by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.runs.measured import Measured
from catapult_sim.tables import html_table

Kind = Literal["theorem", "statement", "conjecture"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Exact theory, which must hold; what a paper says or we observed; what we only guess."""

Relation = Literal["=", "<="]


@dataclass(frozen=True)
class Claim:
    """A statement about a number that can be predicted and measured.

    ``predict`` is that number, or a function of the bench that returns it. ``tolerance`` is chosen
    before the measurement. The relation ``"<="`` claims that the measured value does not exceed
    the predicted one. A measurement may raise
    :class:`~catapult_sim.numeric.runs.measured.NothingToMeasure`.
    """

    id: str
    text: str
    source: str
    predict: float | Callable[[Bench], float]
    measure: Callable[[Bench], Measured]
    tolerance: float
    relation: Relation = "="
    kind: Kind = "statement"
    cost: float = 1.0  # time to judge it, roughly, in units of a cheap claim

    def _repr_html_(self) -> str:
        """Return a table of what is claimed, who says so, and the tolerance."""
        names = ("id", "text", "source", "kind", "relation", "tolerance")
        return html_table({name: [getattr(self, name)] for name in names})

    def predicted(self, bench: Bench) -> float:
        """Return the predicted number on a bench."""
        return float(self.predict(bench) if callable(self.predict) else self.predict)


class Comparison(NamedTuple):
    """A measurement and the number that it is compared with."""

    measure: Callable[..., Measured]
    predict: float | Callable[[Bench], float]
    tolerance: float
    relation: Relation


def equals(
    measure: Callable[..., Measured], predict: float | Callable[[Bench], float], *, within: float
) -> Comparison:
    """Claim that a measurement equals the predicted number, up to a tolerance."""
    return Comparison(measure, predict, within, "=")


def at_most(measure: Callable[..., Measured], predict: float, *, within: float = 0.0) -> Comparison:
    """Claim that a measurement does not exceed a number, up to a tolerance."""
    return Comparison(measure, predict, within, "<=")


@dataclass(frozen=True)
class Claims:
    """The fields that claims on one subject share; calling it builds one of the claims.

    Parameters
    ----------
    source : str
        The paper that states them, or "derived here".
    group : str
        Ids are ``group.name``.
    setting : str, optional
        Texts are ``setting: text``.
    kind : {"statement", "theorem", "conjecture"}
    cost : float
        As in :class:`Claim`.
    given : mapping, optional
        Keyword arguments of every measurement.

    Examples
    --------
    >>> theorem = Claims("Lewkowycz et al. 2020, theorem 1", "catapult", "one sample", "theorem")
    >>> end = lambda bench: Measured(4.001, 0.001, 8)
    >>> claim = theorem("end", "convergence ends at c = 4", equals(end, 4.0, within=0.01))
    >>> claim.id, claim.text, claim.kind
    ('catapult.end', 'one sample: convergence ends at c = 4', 'theorem')
    """

    source: str
    group: str
    setting: str = ""
    kind: Kind = "statement"
    cost: float = 1.0
    given: Mapping[str, Any] = field(default_factory=dict)

    def __call__(
        self,
        name: str,
        text: str,
        compared: Comparison,
        *,
        source: str | None = None,
        kind: Kind | None = None,
        cost: float | None = None,
    ) -> Claim:
        """Return a claim; fields that are not given have the shared values."""
        return Claim(
            f"{self.group}.{name}",
            f"{self.setting}: {text}" if self.setting else text,
            source or self.source,
            compared.predict,
            partial(compared.measure, **self.given),
            compared.tolerance,
            compared.relation,
            kind or self.kind,
            cost or self.cost,
        )


def negated(measure: Callable[..., Measured]) -> Callable[..., Measured]:
    """Return a measurement with its sign changed, so that :func:`at_most` claims a lower bound.

    A measured lower bound becomes an upper bound, and the other way round.
    """

    def with_sign_changed(bench: Bench, **given: Any) -> Measured:
        found = measure(bench, **given)
        bounds = {"at_least": found.at_most, "at_most": found.at_least}
        return replace(found, value=-found.value, **bounds)

    return with_sign_changed
