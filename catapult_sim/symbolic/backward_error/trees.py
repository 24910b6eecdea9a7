r"""Rooted trees and their elementary differentials [Hairer2006].

The Taylor expansion of anything that composes vector fields, an Euler step, an
epoch, a flow, is a sum over rooted trees. A vertex with k children is the k-th
derivative of a field, and its children are the arguments:
``f''(f, f'f)`` is the tree whose root has the children ``f`` and ``f'f``
([Hairer2006], sections III.1 and IX.9). Vertices may carry different fields, such as one for each
minibatch: which of them carry the same one is a partition of the vertices. Means over batches are
sums over finer partitions, with the Moebius numbers of their lattice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from math import factorial, prod

import sympy as sp

from catapult_sim.validation import InputError

Partition = tuple[int, ...]
"""The block of each element; blocks are numbered in the order in which they appear."""
Differential = Callable[["Tree"], tuple[sp.Expr, ...]]


@dataclass(frozen=True, order=True)
class Tree:
    """A rooted tree; trees that differ in the order of children alone compare equal.

    Attributes
    ----------
    children : tuple of Tree
        The subtrees at the root, in any order; they are kept sorted.
    batch : int
        The number of the field at the root: 0 for the mean over the minibatches, which are
        numbered from 1.

    Examples
    --------
    >>> leaf = Tree()
    >>> tree = Tree((Tree((leaf,)), leaf))
    >>> print(tree, tree.order, tree.symmetry, tree.factorial)
    f''(f, f'f) 4 1 8
    >>> tree == Tree((leaf, Tree((leaf,))))
    True
    """

    children: tuple[Tree, ...] = ()
    batch: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "children", tuple(sorted(self.children)))

    @cached_property
    def order(self) -> int:
        """The number of vertices."""
        return 1 + sum(child.order for child in self.children)

    @property
    def symmetry(self) -> int:
        """The number of permutations of the vertices that leave the tree as it is."""
        repeated = Counter(self.children)
        return prod(factorial(n) * child.symmetry**n for child, n in repeated.items())

    @property
    def factorial(self) -> int:
        """The density gamma: the exact flow's coefficient is ``1 / factorial``."""
        return self.order * prod(child.factorial for child in self.children)

    @property
    def batches(self) -> tuple[int, ...]:
        """The field at each vertex, the root first, then child by child."""
        return (self.batch, *(batch for child in self.children for batch in child.batches))

    def edges(self) -> Iterator[tuple[Tree, Tree]]:
        """Yield every ``(child, parent)``."""
        for child in self.children:
            yield child, self
            yield from child.edges()

    def painted(self, batches: Sequence[int]) -> Tree:
        """Return the tree with other fields at its vertices, in the order of `batches`."""
        children, begin = [], 1
        for child in self.children:
            children.append(child.painted(batches[begin : begin + child.order]))
            begin += child.order
        return Tree(tuple(children), batches[0])

    def prunings(self) -> Iterator[tuple[Tree, tuple[Tree, ...]]]:
        """Yield every way to keep the root and cut some branches: ``(trunk, branches)``."""
        choices = [
            [((), (child,)), *(((trunk,), cut) for trunk, cut in child.prunings())]
            for child in self.children
        ]
        for choice in product(*choices):
            kept, cut = zip(*choice, strict=True) if choice else ((), ())
            yield Tree(sum(kept, ()), self.batch), sum(cut, ())

    def __str__(self) -> str:
        k = len(self.children)
        head = (f"f_{self.batch}" if self.batch else "f") + k * "'"
        inner = ", ".join(map(str, self.children))
        return f"{head}({inner})" if k > 1 else head + inner

    def latex(self) -> str:
        r"""Return the elementary differential as LaTeX.

        Examples
        --------
        >>> print(Tree((Tree(), Tree((Tree(),)))).latex())
        f''\left(f, f' f\right)
        """
        k = len(self.children)
        field = f"f_{{{self.batch}}}" if self.batch else "f"
        head = field + (k * "'" if k < 4 else f"^{{({k})}}")
        inner = ", ".join(child.latex() for child in self.children)
        return rf"{head}\left({inner}\right)" if k > 1 else f"{head} {inner}".rstrip()


@cache
def trees(order: int) -> tuple[Tree, ...]:
    """Return all rooted trees with `order` vertices, tall ones first.

    Examples
    --------
    >>> [str(tree) for tree in trees(3)]
    ["f'f'f", "f''(f, f)"]
    >>> [len(trees(n)) for n in range(1, 9)]
    [1, 1, 2, 4, 9, 20, 48, 115]
    """
    if order < 1:
        raise InputError(f"a tree has at least 1 vertex; got order = {order}")
    if order == 1:
        return (Tree(),)
    grown = {larger for tree in trees(order - 1) for larger in _with_one_more_leaf(tree)}
    return tuple(sorted(grown, reverse=True))


def _with_one_more_leaf(tree: Tree) -> Iterator[Tree]:
    yield Tree((*tree.children, Tree()))
    for i, child in enumerate(tree.children):
        others = tree.children[:i] + tree.children[i + 1 :]
        for larger in _with_one_more_leaf(child):
            yield Tree((*others, larger))


def elementary_differentials(
    fields: Sequence[Sequence[sp.Expr]], state: Sequence[sp.Symbol]
) -> Differential:
    """Return a function that evaluates the elementary differentials of trees on fields.

    Parameters
    ----------
    fields : sequence of M fields, each of P expressions
        ``fields[batch]`` stands at the vertices that carry `batch`.
    state : sequence of P sympy.Symbol
        The variables of differentiation.

    Returns
    -------
    callable
        ``differential(tree)`` is a tuple of P expressions, left as they arise (no
        expansion). Each mixed partial and each subtree is computed once and shared; a
        vertex with k children sums ``P**k`` products for every component.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> differential = elementary_differentials([(y, -sp.sin(x))], (x, y))
    >>> differential(Tree((Tree(),)))
    (-sin(x), -y*cos(x))
    """

    @cache
    def partial(batch: int, directions: tuple[int, ...]) -> tuple[sp.Expr, ...]:
        if not directions:
            return tuple(sp.sympify(component, strict=True) for component in fields[batch])
        *rest, last = directions
        return tuple(component.diff(state[last]) for component in partial(batch, tuple(rest)))

    @cache
    def differential(tree: Tree) -> tuple[sp.Expr, ...]:
        arguments = [differential(child) for child in tree.children]
        products: list[list[sp.Expr]] = [[] for _ in state]
        for directions in product(range(len(state)), repeat=len(arguments)):
            entries = (v[i] for v, i in zip(arguments, directions, strict=True))
            weight = sp.Mul(*entries)
            for terms, slope in zip(
                products, partial(tree.batch, tuple(sorted(directions))), strict=True
            ):
                terms.append(slope * weight)
        return tuple(sp.Add(*terms) for terms in products)

    return differential


def partition_of(things: Sequence[Hashable]) -> Partition:
    """Return the partition of positions whose elements are equal.

    Examples
    --------
    >>> partition_of("abba")
    (0, 1, 1, 0)
    """
    first = list(dict.fromkeys(things))
    return tuple(map(first.index, things))


@cache
def partitions(size: int) -> tuple[Partition, ...]:
    """Return all partitions of a set of ``size`` elements.

    Examples
    --------
    >>> partitions(2)
    ((0, 0), (0, 1))
    """
    if size == 0:
        return ((),)
    return tuple(
        (*smaller, block)
        for smaller in partitions(size - 1)
        for block in range(max(smaller, default=-1) + 2)
    )


@cache
def refinements(partition: Partition) -> tuple[tuple[Partition, int], ...]:
    """Return every finer partition, with its Moebius number in the partition lattice.

    Examples
    --------
    >>> refinements((0, 0, 1))
    (((0, 0, 1), 1), ((0, 1, 2), -1))
    """

    def moebius(finer: Partition) -> Iterator[int]:
        for block in set(partition):
            parts = len({part for part, own in zip(finer, partition, strict=True) if own == block})
            yield (-1) ** (parts - 1) * factorial(parts - 1)

    finer_ones = (p for p in partitions(len(partition)) if _refines(p, partition))
    return tuple((finer, prod(moebius(finer))) for finer in finer_ones)


def _refines(finer: Partition, coarser: Partition) -> bool:
    return len(set(zip(finer, coarser, strict=True))) == len(set(finer))
