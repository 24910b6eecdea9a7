"""A claim: what a paper says, what predicts it, and what measures it."""

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
"""Exact theory, which has to hold; what a paper or we observed; what we only guess."""

Relation = Literal["=", "<="]


@dataclass(frozen=True)
class Claim:
    """A statement that can be measured.

    ``predict`` is a number, or a function of the bench that returns it. ``tolerance`` is written
    down before the measurement. The relation ``"<="`` claims that the measured value does not
    exceed the predicted one. A measurement may raise
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
    cost: float = 1.0  # in units of a cheap claim: the costly ones are judged first

    def _repr_html_(self) -> str:
        """Return a table of what is claimed, who says so, and the tolerance."""
        names = ("id", "text", "source", "kind", "relation", "tolerance")
        return html_table({name: [getattr(self, name)] for name in names})

    def predicted(self, bench: Bench) -> float:
        """Return the predicted number on a bench."""
        return float(self.predict(bench) if callable(self.predict) else self.predict)


class Expected(NamedTuple):
    """What a measurement is expected to be."""

    predict: float | Callable[[Bench], float]
    tolerance: float
    relation: Relation


def equals(predict: float | Callable[[Bench], float], *, within: float) -> Expected:
    """Expect the predicted number, up to a tolerance."""
    return Expected(predict, within, "=")


def at_most(predict: float, *, within: float = 0.0) -> Expected:
    """Expect no more than a number, up to a tolerance."""
    return Expected(predict, within, "<=")


@dataclass(frozen=True)
class Claims:
    """What claims on one subject have in common; calling it states one of them.

    Parameters
    ----------
    source : str
        Who says so.
    group : str
        Ids are ``group.name``.
    setting : str, optional
        Texts are ``setting: text``.
    kind : {"statement", "theorem", "conjecture"}
    cost : float
        In units of a cheap claim.
    given : mapping, optional
        Arguments that every measurement takes beside the bench.

    Examples
    --------
    >>> theorem = Claims("Lewkowycz et al. 2020, theorem 1", "catapult", "one sample", "theorem")
    >>> end = lambda bench: Measured(4.001, 0.001, 8)
    >>> claim = theorem("end", "convergence ends at c = 4", end, equals(4.0, within=0.01))
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
        measure: Callable[..., Measured],
        expected: Expected,
        *,
        source: str | None = None,
        kind: Kind | None = None,
        cost: float | None = None,
    ) -> Claim:
        """State a claim; what is not given here is what all have in common."""
        return Claim(
            f"{self.group}.{name}",
            f"{self.setting}: {text}" if self.setting else text,
            source or self.source,
            expected.predict,
            partial(measure, **self.given),
            expected.tolerance,
            expected.relation,
            kind or self.kind,
            cost or self.cost,
        )


def negated(measure: Callable[..., Measured]) -> Callable[..., Measured]:
    """Change the sign of a measurement, so that ``"<="`` claims a lower bound.

    What was a lower bound becomes an upper one, and the other way round.
    """

    def turned(bench: Bench, **given: Any) -> Measured:
        found = measure(bench, **given)
        bounds = {"at_least": found.at_most, "at_most": found.at_least}
        return replace(found, value=-found.value, **bounds)

    return turned
