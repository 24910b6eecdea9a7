"""Rooted trees, against Cayley's counts and against time derivatives of flows."""

from itertools import permutations
from math import factorial

import pytest
import sympy as sp

from catapult_sim.symbolic.backward_error.trees import Tree, elementary_differentials, trees

x, y, z = sp.symbols("x y z")
ORDERS = range(1, 8)


def parents(tree, own=0):
    """Return the parent of each vertex, vertices numbered root first."""
    numbers, following = [], own + 1
    for child in tree.children:
        numbers += [own, *parents(child, following)]
        following += child.order
    return numbers


def test_there_are_as_many_trees_as_cayley_counted():
    assert [len(trees(n)) for n in range(1, 11)] == [1, 1, 2, 4, 9, 20, 48, 115, 286, 719]


@pytest.mark.parametrize("n", ORDERS)
def test_labelled_rooted_trees_number_n_to_the_n_minus_1(n):
    assert sum(factorial(n) // tree.symmetry for tree in trees(n)) == n ** (n - 1)


@pytest.mark.parametrize("n", ORDERS)
def test_increasing_labellings_number_n_minus_1_factorial(n):
    labellings = [sp.Rational(factorial(n), t.symmetry * t.factorial) for t in trees(n)]
    assert sum(labellings) == factorial(n - 1)


@pytest.mark.parametrize("tree", [tree for n in range(1, 6) for tree in trees(n)], ids=str)
def test_symmetry_counts_the_relabellings_and_factorial_the_orders(tree):
    edges = {(child, parent) for child, parent in enumerate(parents(tree), start=1)}
    relabellings = list(permutations(range(tree.order)))
    automorphisms = sum({(p[c], p[q]) for c, q in edges} == edges for p in relabellings)
    children_first = sum(all(p[c] < p[q] for c, q in edges) for p in relabellings)
    assert tree.symmetry == automorphisms
    assert sp.Rational(1, tree.factorial) == sp.Rational(children_first, factorial(tree.order))


@pytest.mark.parametrize("tree", [tree for n in range(1, 6) for tree in trees(n)], ids=str)
def test_prunings_are_the_subtrees_that_hold_the_root(tree):
    above = [None, *parents(tree)]
    subsets = (
        {0} | {v for v in range(1, tree.order) if bits >> v & 1}
        for bits in range(0, 2**tree.order, 2)
    )
    closed = [s for s in subsets if all(v == 0 or above[v] in s for v in s)]
    prunings = list(tree.prunings())
    assert sorted(trunk.order for trunk, _ in prunings) == sorted(map(len, closed))
    for trunk, branches in prunings:
        assert trunk.order + sum(branch.order for branch in branches) == tree.order


def test_the_order_of_children_does_not_matter_but_their_fields_do():
    leaf, tall = Tree(), Tree((Tree(),))
    assert Tree((leaf, tall)) == Tree((tall, leaf))
    assert Tree((leaf, leaf)).symmetry == 2
    assert Tree((Tree(batch=1), Tree(batch=2))).symmetry == 1


@pytest.mark.parametrize("tree", [tree for n in range(1, 7) for tree in trees(n)], ids=str)
def test_painting_keeps_the_shape_and_gives_each_vertex_its_field(tree):
    painted = tree.painted(range(tree.order))
    assert sorted(painted.batches) == list(range(tree.order))
    assert painted.painted((0,) * tree.order) == tree
    edges = {(child.batch, parent.batch) for child, parent in painted.edges()}
    assert edges == set(enumerate(parents(tree), start=1))


@pytest.mark.parametrize(
    ("field", "state"),
    [((y, -sp.sin(x)), (x, y)), ((x * y, z - x**2, x * z), (x, y, z)), ((sp.exp(x),), (x,))],
)
def test_trees_sum_to_the_time_derivatives_of_the_flow(field, state):
    differential = elementary_differentials([field], state)
    derivative = sp.Matrix(field)
    for n in range(1, 6):
        by_trees = sp.zeros(len(state), 1)
        for tree in trees(n):
            labellings = sp.Rational(factorial(n), tree.symmetry * tree.factorial)
            by_trees += labellings * sp.Matrix(differential(tree))
        assert sp.expand(by_trees - derivative) == sp.zeros(len(state), 1)
        derivative = derivative.jacobian(state) * sp.Matrix(field)


def test_every_vertex_takes_its_own_field():
    differential = elementary_differentials([(x,), (x**2,), (x**3,)], (x,))
    (bilinear,) = differential(Tree((Tree(batch=1), Tree(batch=0)), batch=2))
    assert sp.expand(bilinear - 6 * x * x**2 * x) == 0


def test_latex_uses_primes_up_to_three_and_then_a_number():
    star = [Tree((Tree(),) * k) for k in range(5)]
    assert star[3].latex() == r"f'''\left(f, f, f\right)"
    assert star[4].latex() == r"f^{(4)}\left(f, f, f, f\right)"
    assert Tree((Tree(batch=1),), batch=1).latex() == "f_{1}' f_{1}"


def test_a_tree_without_vertices_is_refused():
    with pytest.raises(ValueError, match="at least 1 vertex; got order = 0"):
        trees(0)
