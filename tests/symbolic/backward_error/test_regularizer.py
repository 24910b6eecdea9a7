"""The two halves of the implicit regulariser, against enumeration of partitions."""

from itertools import permutations

import pytest
import sympy as sp

from catapult_sim.symbolic.backward_error import modified_loss
from catapult_sim.symbolic.backward_error.regularizer import (
    expected_regularizer,
    implicit_regularizer,
)

x, y, eps, B = sp.symbols("x y eps B")
EXAMPLES = [x * y + x, x**2 - y, (x - 2 * y) ** 2, x - x * y**2, y**3, 3 * x * y]


@pytest.mark.parametrize(("sampling", "shuffled"), [("shuffled", 1), ("full", 0)])
def test_the_halves_add_up_to_the_modified_loss(sampling, shuffled):
    parts = implicit_regularizer(EXAMPLES, (x, y))
    total = parts.total(eps) - (1 - shuffled) * eps * parts.variance
    assert sp.expand(total - modified_loss(EXAMPLES, (x, y), eps, sampling=sampling)) == 0


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_the_expectation_is_the_mean_over_all_partitions(size):
    variances = []
    for order in permutations(EXAMPLES):
        batches = [sum(order[i : i + size]) / size for i in range(0, 6, size)]
        variances.append(batches)
    distinct = {frozenset(batches) for batches in variances}
    mean = sum(implicit_regularizer(list(p), (x, y)).variance for p in distinct) / len(distinct)
    expected = expected_regularizer(EXAMPLES, (x, y), size)
    assert sp.expand(mean - expected.variance) == 0


def test_for_small_batches_only_step_size_over_batch_size_matters():
    for copies in (1, 5, 50):
        parts = expected_regularizer(EXAMPLES[:2] * copies, (x, y), B)
        n, full = 2 * copies, implicit_regularizer(EXAMPLES[:2], (x, y)).variance
        scaled = sp.cancel(B * parts.variance / full)
        assert abs(scaled.subs(B, 2) - 1) <= sp.Rational(1, n - 1)


@pytest.mark.parametrize("size", [0, 4, -1, 1.5])
def test_a_batch_size_that_does_not_divide_is_refused(size):
    with pytest.raises(ValueError, match="must divide the 6 examples"):
        expected_regularizer(EXAMPLES, (x, y), size)


def test_too_few_losses_are_refused():
    with pytest.raises(ValueError, match="at least 1 loss"):
        implicit_regularizer([], [x])
    with pytest.raises(ValueError, match="at least 2 examples; got 1"):
        expected_regularizer([x], [x], 1)
