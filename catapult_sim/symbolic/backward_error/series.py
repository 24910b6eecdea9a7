r"""B-series of modified equations: coefficients of the field whose flow a method follows.

The *kick* of a method is, for every tree, the coefficient of its elementary
differential in the change of the weights over one epoch. The flow of the field with
coefficients `b` has coefficients that are polynomials in the time, and `b` is solved
for tree by tree, so that the flow equals the method at time 1 ([Chartier2010], section
3.2). With minibatches the vertices carry batches, and the kick is the probability that
the epoch visits the batches of children before those of their parents.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import permutations, product
from math import prod

import sympy as sp

from catapult_sim.symbolic.backward_error.trees import (
    Partition,
    Tree,
    partition_of,
    partitions,
    refinements,
    trees,
)

Coefficients = Callable[[Tree], sp.Expr]

_time, _step = sp.Dummy("t"), sp.Dummy("s")  # momentum may be called t


@dataclass(frozen=True)
class FieldCoefficients:
    """The coefficients `b` of a field, and the equation that each of them solves.

    Attributes
    ----------
    b : callable
        The coefficient of a tree, without ``1 / symmetry``.
    sides : callable
        What smaller trees give to the flow's coefficient of a tree after one kick, and the
        method's coefficient.
    factor : sympy.Expr
        That of `b` in the equation.
    """

    b: Coefficients
    sides: Callable[[Tree], tuple[sp.Expr, sp.Expr]]
    factor: sp.Expr

    def __call__(self, tree: Tree) -> sp.Expr:
        """Return the coefficient of a tree."""
        return self.b(tree)

    def equation(self, tree: Tree, name: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
        """Return the equation that the coefficient solves: the flow's is equal to the method's."""
        known, kicked = self.sides(tree)
        return self.factor * name + known, sp.sympify(kicked)


@cache
def field_coefficients(
    kick: Coefficients, momentum: sp.Expr = 0, lookahead: sp.Expr = 0, duration: sp.Expr = 1
) -> FieldCoefficients:
    r"""Return the coefficients `b` of the field whose flow equals a method.

    The method is ``x_{t+1} = x_t + kick(x_t + lookahead v_t) + momentum v_t`` with
    ``v_t = x_t - x_{t-1}``: no momentum, heavy ball (``lookahead = 0``) or Nesterov
    (``lookahead = momentum``).

    Parameters
    ----------
    kick : callable
        The coefficient of a tree, without ``1 / symmetry``.
    momentum, lookahead : sympy.Expr
        Numbers or symbols.
    duration : sympy.Expr
        The time that a kick takes; with momentum it is 1.

    Returns
    -------
    FieldCoefficients
        ``b(tree)``, exact, without ``1 / symmetry``.

    Examples
    --------
    >>> b = field_coefficients(gradient_descent)
    >>> {str(tree): b(tree) for tree in (*trees(1), *trees(2), *trees(3))}
    {'f': 1, "f'f": -1/2, "f'f'f": 1/3, "f''(f, f)": 1/6}
    """

    # A flow x(t) obeys x' = field(x): inside a trunk of the field sit branches of x.
    # Of a tree's coefficient in x(t), a polynomial in t, only t b(tree) involves b(tree).
    @cache
    def flow(tree: Tree) -> sp.Poly:
        return rest(tree) + sp.Poly(b(tree) * _time, _time)

    @cache
    def rest(tree: Tree) -> sp.Poly:
        slope = sp.Poly(0, _time)
        for trunk, branches in tree.prunings():
            if branches and b(trunk) != 0:
                slope += prod(map(flow, branches), start=sp.Poly(b(trunk), _time))
        return slope.integrate()

    def pushed(tree: Tree) -> sp.Expr:
        if lookahead == 0:
            return kick(tree)
        return sum(
            kick(trunk) * prod(-lookahead * flow(branch).eval(-1) for branch in branches)
            for trunk, branches in tree.prunings()
        )

    # The equation to solve: x(duration) - x(0) = kick + momentum (x(0) - x(-1)).
    @cache
    def sides(tree: Tree) -> tuple[sp.Expr, sp.Expr]:
        remainder = rest(tree)
        return remainder.eval(duration) + momentum * remainder.eval(-1), pushed(tree)

    @cache
    def b(tree: Tree) -> sp.Expr:
        known, kicked = sides(tree)
        return sp.cancel((kicked - known) / (duration - momentum))

    return FieldCoefficients(b, sides, duration - momentum)


def gradient_descent(tree: Tree) -> sp.Expr:
    """Return the kick of one Euler step: 1 for the tree with one vertex, 0 for all others."""
    return sp.Integer(tree.order == 1)


def shuffled(tree: Tree) -> sp.Expr:
    """Return the probability that a random order puts every child before its parent.

    Equal batches at two vertices are one batch, visited once; a batch that is its own
    ancestor is therefore impossible. All distinct: ``1 / tree.factorial``.

    Examples
    --------
    >>> cherry = trees(3)[1]
    >>> shuffled(cherry.painted((1, 2, 3))), shuffled(cherry.painted((1, 2, 2)))
    (1/3, 1/2)
    """
    earlier = {(child.batch, parent.batch) for child, parent in tree.edges()}

    # Any batch is the last with equal probability; it must not be needed by those left.
    def probability(batches: frozenset[int]) -> sp.Expr:
        if not batches:
            return sp.Integer(1)
        last = [k for k in batches if all((k, other) not in earlier for other in batches)]
        return sp.Rational(1, len(batches)) * sum(probability(batches - {k}) for k in last)

    return probability(frozenset(tree.batches))


def replacement(batches: sp.Expr, visit: Coefficients = shuffled) -> Coefficients:
    """Return the kick of an epoch of `batches` independent draws, each uniform.

    Vertices with equal batches may or may not stem from the same draw: the sum is
    over all ways to tell the draws apart, each a set of distinct places in the epoch. ``visit`` is
    the kick of draws that are known, in random order.
    """

    def kick(tree: Tree) -> sp.Expr:
        drawn = (tree.painted(draws) for draws, _ in refinements(partition_of(tree.batches)))
        return sum(_distinct(batches, tree) * visit(tree) for tree in drawn)

    return kick


def in_a_row(kick: Coefficients, steps: sp.Expr) -> Coefficients:
    """Return the kick of an epoch that takes several steps on each batch before the next.

    Vertices of one batch that hang together stand for steps in the same row: children come
    before their parents there too.

    Examples
    --------
    >>> n, (chain,) = sp.Symbol("n"), trees(2)
    >>> repeated = in_a_row(shuffled, n)
    >>> sp.factor(repeated(chain.painted((1, 1)))), repeated(chain.painted((1, 2)))
    (n*(n - 1)/2, n**2/2)
    """

    def repeated(tree: Tree) -> sp.Expr:
        return kick(_visits(tree)) * _places(tree, steps)

    return kick if steps == 1 else repeated  # the same, without sums that take most of the time


def _visits(tree: Tree) -> Tree:
    """Return the tree with neighbours of one batch drawn together."""
    children: list[Tree] = []
    for child in map(_visits, tree.children):
        children += child.children if child.batch == tree.batch else [child]
    return Tree(tuple(children), tree.batch)


@cache
def _places(tree: Tree, steps: sp.Expr) -> sp.Expr:
    """Return in how many ways vertices take steps of their rows, children before parents."""
    return sp.summation(_places_below(tree, steps), (_step, 1, steps))


def _places_below(tree: Tree, steps: sp.Expr) -> sp.Expr:
    """Return the number of ways with the root at one step, a polynomial in that step."""
    earlier, ways = sp.Dummy("earlier"), sp.Integer(1)
    for child in tree.children:
        if child.batch == tree.batch:
            below = _places_below(child, steps).subs(_step, earlier)
            ways *= sp.summation(below, (earlier, 1, _step - 1))
        else:
            ways *= _places(child, steps)
    return ways


def _distinct(batches: sp.Expr, tree: Tree) -> sp.Expr:
    """Return ``m (m - 1) ... (m - r + 1) / m**r`` for the r distinct draws of a tree."""
    draws = len(set(tree.batches))
    return prod((batches - place for place in range(draws)), start=sp.Integer(1)) / batches**draws


def reversed_pair(tree: Tree) -> sp.Expr:
    """Return the mean kick of the order 1, 2, ..., m and of its reverse."""
    edges = [(child.batch, parent.batch) for child, parent in tree.edges()]
    forward = all(child < parent for child, parent in edges)
    backward = all(child > parent for child, parent in edges)
    return sp.Rational(forward + backward, 2)


def plain_series(b: Coefficients, order: int) -> dict[Tree, sp.Expr]:
    """Return ``b(tree) / symmetry`` for all trees up to `order` edges, without zeros."""
    every = (tree for vertices in range(1, order + 2) for tree in trees(vertices))
    return {tree: b(tree) / tree.symmetry for tree in every if b(tree) != 0}


def numbered_series(b: Coefficients, order: int, batches: int) -> dict[Tree, sp.Expr]:
    """Return the series over all ways to place the batches 1, ..., m on the vertices."""
    series: dict[Tree, sp.Expr] = defaultdict(lambda: sp.Integer(0))
    for vertices in range(1, order + 2):
        numberings = list(product(range(1, batches + 1), repeat=vertices))
        for painted in (t.painted(numbers) for t in trees(vertices) for numbers in numberings):
            series[painted] += b(painted) / batches / painted.painted(vertices * [0]).symmetry
    return {tree: coefficient for tree, coefficient in series.items() if coefficient != 0}


def numbered(averaged: Mapping[Tree, sp.Expr], batches: int) -> dict[Tree, sp.Expr]:
    """Return the means of :func:`averaged_series` as sums over the batches 1, ..., m."""
    series: dict[Tree, sp.Expr] = defaultdict(lambda: sp.Integer(0))
    for tree, coefficient in averaged.items():
        shared = max(tree.batches)
        for numbers in product(range(1, batches + 1), repeat=shared):
            painted = tree.painted([(0, *numbers)[batch] for batch in tree.batches])
            series[painted] += coefficient / sp.Integer(batches) ** shared
    return dict(series)


def averaged_series(b: Coefficients, order: int, batches: sp.Expr) -> dict[Tree, sp.Expr]:
    r"""Return a series whose coefficients depend only on which batches are equal.

    The sum over distinct batches is rewritten, by Moebius inversion on set
    partitions, as a sum of means over independent ones: few terms, for any number m of
    batches. A vertex without partner carries the mean field, 0; the numbers 1, 2, ...
    mark batches that several vertices share, each to be averaged over.

    Examples
    --------
    >>> m = sp.Symbol("m")
    >>> series = averaged_series(field_coefficients(shuffled), 1, m)
    >>> {str(tree): coefficient for tree, coefficient in series.items()}
    {'f': 1, "f_1'f_1": -1/2}
    """
    series: dict[Tree, sp.Expr] = defaultdict(lambda: sp.Integer(0))
    for vertices in range(1, order + 2):
        for tree, pattern in product(trees(vertices), partitions(vertices)):
            free = sum(sign * b(tree.painted(finer)) for finer, sign in refinements(pattern))
            weight = batches ** max(pattern) / sp.Integer(tree.symmetry)
            series[_shared(tree, pattern)] += free * weight
    cancelled = {tree: sp.cancel(coefficient) for tree, coefficient in series.items()}
    return {tree: coefficient for tree, coefficient in cancelled.items() if coefficient != 0}


def _shared(tree: Tree, pattern: Partition) -> Tree:
    """Return the tree with batch 0 where one vertex has it alone, else 1, 2, ..., least first."""
    shared = sorted({block for block in pattern if pattern.count(block) > 1})
    numberings = (
        dict(zip(shared, numbers, strict=True))
        for numbers in permutations(range(1, len(shared) + 1))
    )
    return min(tree.painted([numbers.get(k, 0) for k in pattern]) for numbers in numberings)
