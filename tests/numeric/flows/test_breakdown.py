"""Where the expansion in the learning rate stops to say anything about the catapult."""

import numpy as np
import pytest

from catapult_sim.numeric.flows.breakdown import linear_net_breakdown
from catapult_sim.numeric.flows.convergence import convergence_order
from catapult_sim.symbolic import linear_net
from catapult_sim.validation import InputError


@pytest.mark.parametrize("width", [1, 7, 10**6])
def test_two_numbers_stand_for_a_network_of_any_width(width):
    a, b, eta = 0.9, 0.4, 1.7
    slope = (a**2 - b**2) / 2
    a_next, b_next = a - eta * slope * a, b + eta * slope * b

    def observed(a, b):
        return np.array([np.sqrt(width) * (a**2 - b**2) / 2, a**2 + b**2])

    step = linear_net.sample_map().numpy()
    expected = step(observed(a, b), eta, width)
    np.testing.assert_allclose(observed(a_next, b_next), expected, rtol=1e-13)


def test_each_order_gains_a_power_of_the_learning_rate_while_it_is_small():
    rates = 0.2 * 2.0 ** -np.arange(0, 3, 0.5)
    found = linear_net_breakdown(rates, order=3, steps=3, output=0.3)
    for p, errors in enumerate(found.error):
        assert abs(convergence_order(rates, errors).value - (p + 2)) < 0.1


def test_in_the_lazy_regime_higher_orders_help_and_in_the_catapult_none_does():
    found = linear_net_breakdown([0.5, 2.5, 3.5])
    assert (found.error[1:, 0] < 0.5 * found.error[:-1, 0]).all()
    assert (found.error[:, 1:] > 0.1).all()
    assert (found.error[4, 1:] > 0.9 * found.error[0, 1:]).all()


def test_the_largest_error_of_a_run_is_never_less_than_that_of_its_beginning():
    brief, long = (linear_net_breakdown([0.5, 1.0], steps=steps).error for steps in (3, 60))
    assert (long >= brief).all()


def test_an_impossible_output_is_refused():
    with pytest.raises(InputError, match="between -1/2 and 1/2; got"):
        linear_net_breakdown([1.0], output=0.6)
