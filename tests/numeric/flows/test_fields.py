"""Fields, against one another and against closed forms."""

import numpy as np
import pytest
import sympy as sp

from catapult_sim.numeric.flows.fields import (
    first_order_field,
    gradient_field,
    numeric_field,
    principal_field,
)
from catapult_sim.symbolic.backward_error import ModifiedField, modified_field
from catapult_sim.validation import InputError
from tests.numeric.flows.problems import PROBLEMS, eps

x, y = sp.symbols("x y")


def test_the_matrix_free_field_is_the_derived_one():
    problem, h = PROBLEMS[2], 0.1
    gradients, products = problem.gradients(), problem.hessian_products()

    def hessian_product(w, v):
        return products(w, np.tile(v, (len(problem.losses), 1))).mean(axis=0)

    matrix_free = first_order_field(lambda w: gradients(w).mean(axis=0), hessian_product, h)
    derived = numeric_field(
        modified_field(problem.losses, problem.state, eps, order=1, sampling="full"), h
    )
    w = np.array(problem.start)
    np.testing.assert_allclose(matrix_free(w), derived(w), rtol=1e-13)


def test_principal_flow_knows_a_flat_direction():
    field = principal_field(lambda w: np.array([w[0], 0.3]), lambda w: np.diag([1.0, 0.0]), 0.5)
    np.testing.assert_allclose(field(np.array([1.0, 1.0])), [2 * np.log(0.5), -0.3])


def test_a_compiled_field_broadcasts_over_an_ensemble():
    field = numeric_field(modified_field([x**2 / 2 + 3 * y], (x, y), eps, order=1), 0.1)
    states = np.random.default_rng(0).normal(size=(4, 3, 2))
    expected = np.stack([-1.05 * states[..., 0], np.full((4, 3), -3)], axis=-1)
    np.testing.assert_allclose(field(states), expected)


def test_a_field_of_thousands_of_terms_compiles():
    terms = [x**k for k in range(1, 4001)]
    field = numeric_field(ModifiedField(((sp.Add(*terms),),), (x,), eps, ()), 0.1)
    np.testing.assert_allclose(field(np.array([0.5])), [1], rtol=1e-12)


def test_gradient_field_points_downhill():
    np.testing.assert_array_equal(gradient_field(lambda w: 2 * w)(np.ones(2)), [-2, -2])


def test_a_field_with_a_symbol_that_has_no_value_is_refused():
    with pytest.raises(InputError, match="free are kappa"):
        numeric_field(modified_field([sp.Symbol("kappa") * x], [x], eps, order=0), 0.1)
