"""Modified fields, against Lie series matched to epochs that are enumerated one by one."""

from itertools import permutations, product
from math import factorial

import pytest
import sympy as sp
from sympy.polys.rings import ring

from catapult_sim.symbolic.backward_error import (
    NotAGradient,
    modified_equation,
    modified_field,
    modified_loss,
)

x, y, z, eps = sp.symbols("x y z eps")

CUBIC = [x**2 * y + x, x * y**2 - y / 2, (x * y - 1) ** 2 / 2]
EPOCHS = {
    "full": [(None,) * 1],
    "shuffled": list(permutations(range(3))),
    "reversed_pair": [(0, 1, 2), (2, 1, 0)],
    "replacement": list(product(range(3), repeat=3)),
}


def mean_epoch(losses, sampling, order):
    """The coefficient of every power of eps in the mean weights after an epoch."""
    polynomials, *weights, step = ring([x, y, eps], sp.QQ)
    mean = sum(losses) / len(losses)
    fields = {
        k: [polynomials.from_expr(sp.expand(-loss.diff(w))) for w in (x, y)]
        for k, loss in [(None, mean), *enumerate(losses)]
    }

    def truncated(p):
        return polynomials.from_dict({key: c for key, c in p.items() if key[2] <= order + 1})

    ends = [polynomials.zero] * 2
    for batches in EPOCHS[sampling]:
        now = list(weights)
        for k in batches:
            slopes = [f.compose(list(zip(weights, now, strict=True))) for f in fields[k]]
            now = [truncated(w + step * g) for w, g in zip(now, slopes, strict=True)]
        ends = [end + w for end, w in zip(ends, now, strict=True)]
    return [sp.Poly(end.as_expr() / len(EPOCHS[sampling]), eps) for end in ends]


def flow_of(terms, duration):
    """The coefficient of every power of eps in the flow for `duration` steps: a Lie series."""
    top = len(terms)
    ends = []
    for w in (x, y):
        powers = {0: w}
        total = {n: sp.Integer(0) for n in range(top + 1)} | {0: w}
        for k in range(1, top + 1):
            applied = {}
            for n, g in powers.items():
                for j, field in enumerate(terms):
                    if n + j + 1 <= top:
                        lie = sum(f * g.diff(v) for f, v in zip(field, (x, y), strict=True))
                        applied[n + j + 1] = applied.get(n + j + 1, 0) + lie
            powers = {n: sp.expand(duration * g) for n, g in applied.items()}
            for n, g in powers.items():
                total[n] += g / factorial(k)
        ends.append(total)
    return ends


@pytest.mark.parametrize("sampling", EPOCHS)
def test_the_modified_flow_repeats_the_mean_epoch_term_by_term(sampling):
    order = 2
    terms = modified_field(CUBIC, (x, y), eps, order=order, sampling=sampling).terms
    duration = len(EPOCHS[sampling][0])
    flows = flow_of(terms, duration)
    for flow, end in zip(flows, mean_epoch(CUBIC, sampling, order), strict=True):
        for n in range(order + 2):
            assert sp.expand(flow[n] - end.coeff_monomial(eps**n)) == 0, n


def test_a_wrong_coefficient_would_be_seen_by_the_lie_series():
    terms = list(modified_field(CUBIC, (x, y), eps, order=2, sampling="full").terms)
    terms[2] = tuple(sp.Rational(11, 10) * component for component in terms[2])
    end = mean_epoch(CUBIC, "full", 2)[0]
    assert sp.expand(flow_of(terms, 1)[0][3] - end.coeff_monomial(eps**3)) != 0


@pytest.mark.parametrize("sampling", EPOCHS)
def test_the_leading_term_is_minus_the_gradient_of_the_mean_loss(sampling):
    mean = sum(CUBIC) / 3
    (leading,) = modified_field(CUBIC, (x, y), eps, order=0, sampling=sampling).terms
    assert [sp.expand(f + mean.diff(w)) for f, w in zip(leading, (x, y), strict=True)] == [0, 0]


def squared_gradient(loss, state=(x, y)):
    return sum(loss.diff(w) ** 2 for w in state)


def test_first_order_losses_are_those_of_the_papers():
    mean, m = sum(CUBIC) / 3, 3
    descent = mean + eps / 4 * squared_gradient(mean)
    shuffling = mean + eps / (4 * m) * sum(map(squared_gradient, CUBIC))
    expected = {
        "full": descent,
        "replacement": descent,
        "shuffled": shuffling,
        "reversed_pair": shuffling,
    }
    for sampling, loss in expected.items():
        assert sp.expand(modified_loss(CUBIC, (x, y), eps, sampling=sampling) - loss) == 0


def test_the_modified_loss_exists_at_first_order_for_transcendental_losses_and_momentum():
    losses = [sp.tanh(x * y - 1) ** 2, sp.exp(x - y)]
    heavy = {"sampling": "full", "momentum": sp.Symbol("beta"), "nesterov": True}
    for options in ({"sampling": "shuffled"}, heavy):
        field = modified_field(losses, (x, y), eps, order=1, **options)
        for component, w in zip(field.total(), (x, y), strict=True):
            rest = (component + field.loss().diff(w)).subs({x: 0.3, y: -0.8, "beta": 0.7})
            assert abs(rest.coeff(eps, 0)) + abs(rest.coeff(eps, 1)) < 1e-13


def test_gradient_descent_on_a_product_has_the_known_curl_at_second_order():
    field = modified_field([(x * y - 1) ** 2 / 2], (x, y), eps, order=3, sampling="full")
    with pytest.raises(NotAGradient, match="from order 2 of the step size on") as caught:
        field.loss()
    (curl,) = caught.value.curl.values()
    known = (x - y) * (x + y) * (x**2 + y**2) * (x * y - 1) / 3
    assert caught.value.order == 2
    assert sp.expand(curl - known) * sp.expand(curl + known) == 0


def test_the_loss_of_a_quadratic_is_the_matrix_logarithm_to_every_order():
    hessian = sp.Matrix([[3, 1], [1, 2]])
    w = sp.Matrix([x, y])
    (quadratic,) = w.T * hessian * w / 2
    rates = sum((eps**k * hessian ** (k + 1) / (k + 1) for k in range(6)), sp.zeros(2))
    (expected,) = w.T * rates * w / 2
    found = modified_loss([quadratic], (x, y), eps, order=5, sampling="full")
    assert sp.expand(found - expected) == 0


def test_shuffled_quadratics_have_a_modified_loss_beyond_first_order():
    hessians = [sp.Matrix([[3, 1], [1, 2]]), sp.Matrix([[1, -2], [-2, 5]]), sp.eye(2)]
    w, identity = sp.Matrix([x, y]), sp.eye(2)
    quadratics = [(w.T * hessian * w)[0] / 2 for hessian in hessians]
    epochs = [
        (identity - eps * a) * (identity - eps * b) * (identity - eps * c)
        for a, b, c in permutations(hessians)
    ]
    change = sum(epochs, sp.zeros(2)) / len(epochs) - identity
    # The mean epoch is a matrix; its logarithm, per step, is the field.
    logarithm = sum((-((-1) ** k) * change**k / k for k in range(1, 5)), sp.zeros(2))
    (expected,) = -(w.T * logarithm * w) / (2 * 3 * eps)
    difference = sp.Poly(sp.expand(eps * expected), eps)
    found = modified_loss(quadratics, (x, y), eps, order=3, sampling="shuffled")
    for k in range(4):
        known = difference.coeff_monomial(eps ** (k + 1))
        assert sp.expand(sp.expand(found).coeff(eps, k) - known) == 0


@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_linear_network_is_penalised_by_its_curvature(width):
    # One sample with label z: the gradient's square is residual^2 times the kernel.
    u, v = sp.symbols(f"u:{width}"), sp.symbols(f"v:{width}")
    output = sum(a * b for a, b in zip(u, v, strict=True)) / sp.sqrt(width)
    curvature = sum(w**2 for w in (*u, *v)) / width
    loss = (output - z) ** 2 / 2
    modified = modified_loss([loss], (*u, *v), eps)
    assert sp.expand(modified - loss * (1 + eps * curvature / 2)) == 0


@pytest.mark.parametrize("loss", [x**4 / 4 - x, sp.exp(x) - x, sp.log(sp.cosh(x))])
def test_one_weight_has_a_modified_loss_to_every_order(loss):
    field = modified_field([loss, x**3], (x,), eps, order=3, sampling="shuffled")
    difference = field.total()[0] + field.loss().diff(x)
    assert abs(sp.expand(difference.subs({x: sp.Rational(2, 7), eps: 1})).evalf(30)) < 1e-25


def test_truncation_keeps_the_lower_orders():
    field = modified_field(CUBIC, (x, y), eps, order=3, sampling="full")
    assert field.truncate(1) == modified_field(CUBIC, (x, y), eps, order=1, sampling="full")
    with pytest.raises(ValueError, match="order must be at most 3; got 4"):
        field.truncate(4)


def test_terms_do_not_hide_the_step_size():
    field = modified_field(CUBIC, (x, y), eps, order=3, sampling="shuffled")
    assert not any(component.has(eps) for term in field.terms for component in term)
    by_power = [sp.Poly(sp.expand(total), eps) for total in field.total()]
    for k, term in enumerate(field.terms):
        for polynomial, component in zip(by_power, term, strict=True):
            assert sp.expand(polynomial.coeff_monomial(eps**k) - component) == 0


def test_floating_momentum_gives_exact_coefficients():
    (leading,) = modified_field([x**2 / 2], [x], eps, order=0, sampling="full", momentum=0.9).terms
    assert leading == (-10 * x,)


@pytest.mark.parametrize(
    ("losses", "state", "options", "required"),
    [
        ([], [x], {}, "losses must be a sequence of at least 1 expression"),
        (x**2, [x], {}, "losses must be a sequence"),
        ([x**2], [], {}, "state must be a sequence of at least 1 symbol"),
        ([x**2], x, {}, "state must be a sequence"),
        (["x**2"], [x], {}, r"each of losses must be a number or a SymPy expression; got 'x\*\*2'"),
        ([x**2], ["x"], {}, "state must be a sequence of at least 1 symbol; got"),
        (
            [x**2],
            [x],
            {"sampling": "full", "momentum": "0.9"},
            "momentum must be a number or a SymPy expression; got '0.9'",
        ),
        ([x**2], [x], {"sampling": "cyclic"}, "got 'cyclic'"),
        ([x**2], [x], {"sampling": "reversed_pair", "momentum": 0.9}, "momentum needs"),
        ([x**2], [x], {"sampling": "reversed_pair", "order": -1}, "whole number from 0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(losses, state, options, required):
    with pytest.raises(ValueError, match=required):
        modified_field(losses, state, eps, **{"order": 1} | options)


EXAMPLES = [x * y + x, x**2 - y, (x - 2 * y) ** 2, x - x * y**2, y**3, 3 * x * y]


@pytest.mark.parametrize(("sampling", "shuffled"), [("shuffled", 1), ("full", 0)])
def test_shuffling_adds_a_quarter_of_the_variance_of_the_batch_gradients(sampling, shuffled):
    mean = sum(EXAMPLES) / 6
    variance = sum(squared_gradient(loss - mean) for loss in EXAMPLES) / 6
    expected = mean + eps * (squared_gradient(mean) + shuffled * variance) / 4
    assert sp.expand(expected - modified_loss(EXAMPLES, (x, y), eps, sampling=sampling)) == 0


@pytest.mark.parametrize("size", [1, 2, 3])
def test_over_all_partitions_the_penalty_of_shuffling_falls_as_the_batches_grow(size):
    def penalty(losses):
        full = modified_loss(losses, (x, y), eps, sampling="full")
        return sp.expand(modified_loss(losses, (x, y), eps) - full)

    partitions = {
        frozenset(sum(order[i : i + size]) / size for i in range(0, 6, size))
        for order in permutations(EXAMPLES)
    }
    mean = sum(penalty(list(batches)) for batches in partitions) / len(partitions)
    # Batches of B from N examples: (N - B) / (N - 1) / B of the variance of single examples.
    reduction = sp.Rational(6 - size, 5 * size)
    assert sp.expand(mean - reduction * penalty(EXAMPLES)) == 0


def test_siblings_have_one_default_and_name_it():
    field = modified_field(CUBIC, (x, y), eps)
    assert field == modified_field(CUBIC, (x, y), eps, order=1, sampling="shuffled")
    assert field.loss() == modified_loss(CUBIC, (x, y), eps)
    assert str(field).splitlines()[0] == "ModifiedField: shuffled mini-batches, mean epoch"
    assert str(modified_equation()).splitlines()[0] == "shuffled mini-batches, mean epoch"
    many = modified_field(CUBIC, (x, y), eps, order=5, sampling="full")
    assert len(repr(many).splitlines()) == 8
    assert field._repr_latex_().count(r"\\") == 1
