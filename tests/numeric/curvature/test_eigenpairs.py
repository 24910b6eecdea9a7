"""Curvature without a matrix: dense eigenvalues, hidden multiplicities and hostile operators."""

import numpy as np
import pytest
from scipy.sparse import diags_array
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from catapult_sim.mlp.network import MLP
from catapult_sim.numeric.curvature import eigenpairs, krylov
from catapult_sim.numeric.curvature.eigenpairs import top_eigenpairs
from catapult_sim.validation import InputError
from tests.numeric.curvature.dense import angle, rotation, symmetric


def spread(size, seed=0):
    return np.sort(np.random.default_rng(seed).normal(size=size))


def true_residuals(matrix, pairs):
    return np.linalg.norm(matrix @ pairs.vectors - pairs.vectors * pairs.values, axis=0)


# Agreement with dense algebra -------------------------------------------------------------------


@pytest.mark.parametrize("which", ["largest", "smallest"])
@pytest.mark.parametrize("k", [1, 2, 7, 60])
def test_eigenpairs_are_those_of_dense_algebra(k, which):
    matrix = symmetric(spread(60))
    pairs = top_eigenpairs(matrix, k, which=which, tolerance=1e-12, rng=1)
    values, vectors = np.linalg.eigh(matrix)
    order = slice(None, None, -1 if which == "largest" else 1)
    np.testing.assert_allclose(pairs.values, values[order][:k], atol=1e-12)
    assert angle(pairs.vectors, vectors[:, order][:, :k]) < 1e-9
    np.testing.assert_allclose(pairs.vectors.T @ pairs.vectors, np.eye(k), atol=1e-13)
    assert pairs.converged.all()


def test_a_restart_goes_through_all_columns_of_the_basis(monkeypatch):
    monkeypatch.setattr(krylov, "COLUMNS", 7)
    matrix = symmetric(spread(60))
    pairs = top_eigenpairs(matrix, 2, basis=8, tolerance=1e-10, rng=1)
    np.testing.assert_allclose(pairs.values, np.linalg.eigvalsh(matrix)[:-3:-1], atol=1e-9)
    assert pairs.converged.all()


def test_the_residuals_are_the_true_ones():
    matrix = symmetric(spread(300))
    pairs = top_eigenpairs(matrix, 4, tolerance=1e-3, rng=0)
    np.testing.assert_allclose(pairs.residuals, true_residuals(matrix, pairs), rtol=1e-9)
    assert (pairs.residuals <= 1e-3 * np.abs(np.linalg.eigvalsh(matrix)).max()).all()
    assert pairs.residuals.max() > 1e-5


def test_the_algebraically_largest_is_wanted_not_that_of_largest_magnitude():
    assert top_eigenpairs(np.diag([-10.0, 1.0, 0.5]), rng=0).values == pytest.approx([1.0])
    assert top_eigenpairs(np.diag([-1.0, 10.0]), which="smallest", rng=0).values[0] == (
        pytest.approx(-1.0)
    )


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_tolerance_is_relative_to_the_operator(unit):
    matrix = symmetric(spread(100))
    one, other = (top_eigenpairs(of, 2, tolerance=1e-4, rng=0) for of in (matrix, unit * matrix))
    assert other.products == one.products
    np.testing.assert_allclose(other.values, unit * one.values, rtol=1e-9)


def test_a_restart_in_little_memory_loses_neither_pairs_nor_residuals():
    matrix = symmetric(np.linspace(-1, 1, 400))
    pairs = top_eigenpairs(matrix, 3, basis=9, tolerance=1e-9, max_products=5000, rng=0)
    np.testing.assert_allclose(pairs.values, np.linspace(-1, 1, 400)[:-4:-1], atol=1e-12)
    np.testing.assert_allclose(true_residuals(matrix, pairs), pairs.residuals, atol=1e-14)
    np.testing.assert_allclose(pairs.vectors.T @ pairs.vectors, np.eye(3), atol=1e-13)
    assert pairs.products > 50


@pytest.mark.parametrize(("basis", "bound"), [(8, 8), (None, 32)])
def test_the_basis_never_exceeds_its_bound(basis, bound, monkeypatch):
    held = []

    class Watched(eigenpairs.Krylov):
        def expand(self, direction=None):
            held.append(self.count + 1)
            return super().expand(direction)

    monkeypatch.setattr(eigenpairs, "Krylov", Watched)
    top_eigenpairs(symmetric(np.linspace(-1, 1, 200)), 2, basis=basis, tolerance=1e-9, rng=0)
    assert max(held) == bound


# Multiplicities ---------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [3, 4, 5])
def test_an_eigenvalue_is_found_as_often_as_it_occurs(k):
    spectrum = np.r_[np.linspace(-2, 1, 80), 3.0, 3.0, 3.0, 2.0]
    turn = rotation(len(spectrum))
    pairs = top_eigenpairs(turn * spectrum @ turn.T, k, tolerance=1e-10, rng=0)
    np.testing.assert_allclose(pairs.values, [3, 3, 3, 2, 1][:k], atol=1e-9)
    assert angle(pairs.vectors[:, :3], turn[:, 80:83]) < 1e-8


def test_an_operator_of_one_eigenvalue_is_done_after_k_products():
    pairs = top_eigenpairs(lambda v: 3 * v, 4, size=50, rng=0)
    np.testing.assert_allclose(pairs.values, 3, rtol=1e-15)
    assert pairs.products == 4
    assert pairs.converged.all()


def test_the_zero_operator_has_eigenvalue_zero():
    pairs = top_eigenpairs(np.zeros((5, 5)), 2, rng=0)
    assert pairs.values.tolist() == [0, 0]
    assert pairs.converged.all()
    np.testing.assert_allclose(pairs.vectors.T @ pairs.vectors, np.eye(2), atol=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_next_to_zero_is_right_to_its_digits_and_says_where_these_are_few(seed):
    matrix = np.random.default_rng(seed).normal(size=(40, 40))
    matrix += matrix.T
    expected = np.linalg.eigvalsh(matrix)[:-6:-1]
    small = top_eigenpairs((1e-37 * matrix).astype(np.float32), 5, rng=0)
    np.testing.assert_allclose(1e37 * small.values, expected, rtol=1e-5)
    np.testing.assert_allclose(
        1e305 * top_eigenpairs(1e-305 * matrix, 5, rng=0).values, expected, rtol=1e-9
    )
    for smaller in (1e-40, 1e-41, 1e-42):
        rounded = (smaller * matrix).astype(np.float32)
        pairs = top_eigenpairs(rounded, 5, rng=0)
        digits = 100 * float(np.finfo(np.float32).smallest_subnormal) / smaller
        np.testing.assert_allclose(pairs.values / smaller, expected, atol=digits)
        np.testing.assert_allclose(pairs.vectors.T @ pairs.vectors, np.eye(5), atol=1e-4)
        assert not pairs.converged.any()


def test_an_invariant_space_smaller_than_k_is_left():
    u = np.ones(40) / np.sqrt(40)
    pairs = top_eigenpairs(lambda v: 5 * u * (u @ v), 3, start=u, rng=0)
    np.testing.assert_allclose(pairs.values, [5, 0, 0], atol=1e-13)
    assert abs(pairs.vectors[:, 0] @ u) == pytest.approx(1, abs=1e-13)


@pytest.mark.parametrize("value", [-2.0, 0.0, 1e-300, 7.0])
def test_one_dimension(value):
    pairs = top_eigenpairs([[value]], rng=0)
    assert pairs.values == pytest.approx([value], rel=1e-15)
    assert (abs(pairs.vectors), pairs.products) == (1, 1)


# Starts -----------------------------------------------------------------------------------------


def test_a_seed_repeats_bit_for_bit_and_another_does_not():
    matrix = symmetric(spread(100))
    first, again, other = (top_eigenpairs(matrix, 3, rng=seed) for seed in (0, 0, 1))
    assert first.vectors.tobytes() == again.vectors.tobytes()
    assert first.values.tobytes() == again.values.tobytes()
    assert first.vectors.tobytes() != other.vectors.tobytes()


def outliers(size):
    """Eigenvalues as of a network's Hessian: a few that stand out, and many about zero."""
    return np.r_[1.0, 0.95, 0.9, 0.6, 0.5, 0.01 * np.abs(spread(size - 5)) ** 3]


def test_exact_vectors_as_start_cost_one_product_each_and_the_search_beyond_them():
    spectrum = outliers(200)
    start = np.eye(200)[:, :5]
    pairs = top_eigenpairs(lambda v: spectrum * v, 5, start=start, tolerance=1e-8, rng=0)
    assert 5 < pairs.products < 5 + 8
    assert pairs.converged.all()


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-8])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_eigenvectors_that_are_not_the_top_ones_are_left(k, tolerance):
    spectrum = outliers(500)
    for seed in range(5):
        pairs = top_eigenpairs(
            lambda v: spectrum * v,
            k,
            start=np.eye(500)[:, 1 : k + 1],
            tolerance=tolerance,
            rng=seed,
        )
        np.testing.assert_allclose(pairs.values, spectrum[:k], atol=tolerance)
        assert pairs.converged.all()


def test_a_start_that_misses_the_top_eigenvector_does_not_hide_it():
    spectrum = outliers(500)
    start = np.random.default_rng(0).normal(size=500)
    start[0] = 0.0
    pairs = top_eigenpairs(lambda v: spectrum * v, start=start, tolerance=1e-3, rng=0)
    assert pairs.values[0] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("tolerance", [0.04, 1e-2])
def test_a_single_random_start_misses_the_top_one_time_in_a_hundred_at_most(tolerance):
    spectrum = outliers(500)
    found = [
        top_eigenpairs(lambda v: spectrum * v, size=500, tolerance=tolerance, rng=seed)
        for seed in range(300)
    ]
    assert sum(pairs.values[0] < 1 - tolerance for pairs in found) <= 3
    assert all(pairs.converged for pairs in found)


@pytest.mark.parametrize("miss_probability", [0.02, 0.5, 1.0])
def test_a_warm_start_misses_the_top_as_seldom_as_asked(miss_probability):
    spectrum, wrong = outliers(500), np.eye(500)[:, 1:2]
    options = {"start": wrong, "tolerance": 1e-2, "miss_probability": miss_probability}
    found = [top_eigenpairs(lambda v: spectrum * v, rng=seed, **options) for seed in range(200)]
    assert np.mean([pairs.values[0] < 0.99 for pairs in found]) <= miss_probability
    assert all(pairs.converged for pairs in found)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("miss_probability", [0.02, 0.5])
def test_a_warm_start_beside_larger_eigenvalues_misses_one_as_seldom_as_asked(miss_probability, k):
    """The first k - 1 eigenvectors are given, and the wrong one as the last."""
    spectrum = np.r_[1000.0 ** np.arange(k - 1, 0, -1), outliers(500)]
    wrong = np.eye(len(spectrum))[:, [*range(k - 1), k]]
    options = {"start": wrong, "tolerance": 1e-8, "miss_probability": miss_probability}
    found = [top_eigenpairs(lambda v: spectrum * v, k, rng=seed, **options) for seed in range(100)]
    assert np.mean([pairs.values[-1] < 0.99 for pairs in found]) <= miss_probability
    assert all(pairs.converged.all() for pairs in found)


def test_looking_less_for_what_is_missed_takes_fewer_products():
    spectrum, right = outliers(500), np.eye(500)[:, :1]
    products = [
        top_eigenpairs(
            lambda v: spectrum * v, start=right, rng=0, miss_probability=probability
        ).products
        for probability in (0.01, 0.5, 1.0)
    ]
    assert products[0] > products[1] > products[2] > 1


def rotated(angle, size=500):
    """A unit vector at an angle to the first axis, towards the last ones."""
    away = np.r_[np.zeros(5), np.random.default_rng(3).normal(size=size - 5)]
    return np.cos(angle) * np.eye(size)[0] + np.sin(angle) * away / np.linalg.norm(away)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("start", [np.eye(500)[1], *map(rotated, (0.003, 0.03, 0.3))])
@pytest.mark.parametrize("bound", [0.9995, 0.99, 0.7, 0.3])
def test_an_eigenvalue_beyond_a_bound_is_found_as_often_as_asked(bound, start, sign):
    spectrum = sign * outliers(500)
    options = {"which": "largest" if sign > 0 else "smallest", "start": start, "tolerance": 1e-3}
    options |= {"bound": sign * bound, "miss_probability": 0.1}
    found = [top_eigenpairs(lambda v: spectrum * v, rng=seed, **options) for seed in range(100)]
    assert np.mean([sign * pairs.values[0] <= bound for pairs in found]) <= 0.1


def test_an_eigenvalue_that_the_start_is_close_to_is_found_beyond_a_bound_above_its_quotient():
    """Of that eigenvector a random vector, orthogonal to the start, has next to nothing."""
    spectrum, start = np.eye(500)[0], rotated(0.03)
    assert start @ (spectrum * start) < 0.9995
    options = {"start": start, "bound": 0.9995, "tolerance": 1e-3}
    found = [top_eigenpairs(lambda v: spectrum * v, rng=seed, **options) for seed in range(20)]
    assert all(pairs.values[0] > 0.9995 for pairs in found)


@pytest.mark.parametrize("bound", [1.001, 1.1, 2.0])
def test_no_eigenvalue_is_beyond_a_bound_above_them_all(bound):
    spectrum = outliers(500)
    found = [top_eigenpairs(lambda v: spectrum * v, size=500, bound=bound, rng=s) for s in range(9)]
    assert all(pairs.values[0] <= 1 for pairs in found)


def test_a_bound_is_told_from_eigenvalues_in_fewer_products_the_further_away_it_is():
    spectrum = outliers(500)
    options = {"start": rotated(0.1), "tolerance": 1e-2}

    def products(**bound):
        runs = (top_eigenpairs(lambda v: spectrum * v, rng=s, **options, **bound) for s in range(9))
        return sum(pairs.products for pairs in runs)

    above, below = (
        [products(bound=one) for one in row] for row in ((1.1, 1.3, 3.0), (0.998, 0.9, 0.5))
    )
    assert products() > 1.2 * above[0] > 1.2 * above[1] > 1.2 * above[2]
    assert products() > below[0] > below[1] >= below[2] == 9 * 2


@pytest.mark.parametrize("bound", [np.nan, np.inf, "one", [1.0, 2.0]])
def test_what_is_no_bound_is_refused(bound):
    with pytest.raises(InputError, match=r"bound must be (a single number|finite)"):
        top_eigenpairs(np.eye(3), bound=bound)


@pytest.mark.parametrize("miss_probability", [0.0, -1.0, 1.5, np.nan])
def test_what_is_no_probability_is_refused(miss_probability):
    with pytest.raises(
        InputError, match=r"miss_probability must be (above 0 and at|finite and above)"
    ):
        top_eigenpairs(np.eye(3), miss_probability=miss_probability)


def test_a_budget_spent_before_the_search_beyond_is_over_shows_as_not_converged():
    spectrum = outliers(500)
    start = np.eye(500)[:, 1]
    pairs = top_eigenpairs(lambda v: spectrum * v, start=start, max_products=3, rng=0)
    assert pairs.residuals[0] < 1e-9
    assert not pairs.converged[0]


def test_a_start_without_use_is_replaced():
    matrix = symmetric(spread(30))
    start = np.stack([np.zeros(30), np.full(30, np.nan), np.ones(30), 2 * np.ones(30)], axis=1)
    pairs = top_eigenpairs(matrix, 3, start=start, tolerance=1e-10, rng=0)
    np.testing.assert_allclose(pairs.values, np.linalg.eigvalsh(matrix)[:-4:-1], atol=1e-9)


def test_a_start_of_more_vectors_than_pairs_is_used_whole():
    matrix = symmetric(spread(200))
    vectors = np.linalg.eigh(matrix)[1][:, :-5:-1]
    pairs = top_eigenpairs(
        matrix, 1, start=vectors @ rotation(4), tolerance=1e-8, max_products=5, rng=0
    )
    np.testing.assert_allclose(pairs.residuals, 0, atol=1e-13)


def test_tracking_five_directions_of_a_network_takes_few_products():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(64, 10)), rng.normal(size=(64, 3))
    net = MLP([10, 32, 32, 3], activation="tanh")
    theta, start, products = net.init(rng=0), None, []
    for _ in range(15):
        pairs = top_eigenpairs(
            lambda v, at=theta: net.hessian_product(at, X, y, v),
            5,
            size=net.size,
            start=start,
            tolerance=1e-3,
            rng=0,
        )
        start = pairs.vectors
        products.append(pairs.products)
        theta = theta - 0.5 / pairs.values[0] * net.gradient(theta, X, y)
    dense = np.linalg.eigvalsh(net.hessian_product(theta * 1.0, X, y, np.eye(net.size)))[:-6:-1]
    afresh = top_eigenpairs(
        lambda v: net.hessian_product(theta, X, y, v), 5, start=start, tolerance=1e-3
    )
    np.testing.assert_allclose(afresh.values, dense, rtol=1e-4)
    assert np.mean(products[1:]) <= 10 * 5


# Operators of every kind ------------------------------------------------------------------------


def of_every_kind(spectrum):
    yield np.diag(spectrum)
    yield np.diag(spectrum).tolist()
    yield diags_array(spectrum)
    yield aslinearoperator(np.diag(spectrum))
    yield LinearOperator((len(spectrum),) * 2, matvec=lambda v: spectrum * v, dtype=float)
    yield lambda v: spectrum * v


def test_arrays_lists_sparse_arrays_scipy_operators_and_functions_agree():
    spectrum = spread(20)
    found = [
        top_eigenpairs(operator, 2, size=20, tolerance=1e-12, rng=0).values
        for operator in of_every_kind(spectrum)
    ]
    for values in found:
        np.testing.assert_allclose(values, spectrum[:-3:-1], rtol=1e-13)


def test_single_precision_is_kept():
    matrix = symmetric(spread(80))
    seen = []

    def product(v):
        seen.append(v.dtype)
        return matrix.astype(np.float32) @ v

    start = np.ones(80, np.float32)
    by_start = top_eigenpairs(product, 2, start=start, rng=0)
    by_array = top_eigenpairs(matrix.astype(np.float32), 2, rng=0)
    assert {*seen, by_start.vectors.dtype, by_array.vectors.dtype} == {np.dtype(np.float32)}
    assert by_start.converged.all()
    for pairs in (by_start, by_array):
        np.testing.assert_allclose(pairs.values, np.linalg.eigvalsh(matrix)[:-3:-1], rtol=1e-5)


def test_a_product_may_overwrite_its_argument_and_reuse_its_result():
    spectrum, buffer = spread(40), np.empty(40)

    def product(v):
        np.multiply(spectrum, v, out=buffer)
        v[...] = np.nan
        return buffer

    pairs = top_eigenpairs(product, 2, size=40, tolerance=1e-10, rng=0)
    np.testing.assert_allclose(pairs.values, spectrum[:-3:-1], rtol=1e-9)


def test_the_start_is_left_as_it_was():
    start = np.ones((30, 2))
    top_eigenpairs(symmetric(spread(30)), 2, start=start, rng=0)
    assert (start == 1).all()


# Divergence and refusal -------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("healthy", [0, 1, 10])
def test_a_product_that_is_not_finite_gives_nan_and_is_not_converged(bad, healthy):
    calls = iter(range(1000))
    matrix = symmetric(spread(50))

    def product(v):
        return matrix @ v if next(calls) < healthy else np.full(50, bad)

    pairs = top_eigenpairs(product, 2, size=50, rng=0)
    assert np.isnan(pairs.values).all()
    assert np.isnan(pairs.residuals).all()
    assert np.isnan(pairs.vectors).all()
    assert pairs.vectors.shape == (50, 2)
    assert not pairs.converged.any()
    assert pairs.products == healthy + 1


def test_overflow_is_a_divergence_without_a_warning():
    pairs = top_eigenpairs(np.diag([1e200, 1.0, 1e300]), rng=0)
    assert np.isnan(pairs.values).all() or pairs.values[0] == pytest.approx(1e300)


def test_a_budget_that_is_spent_shows_as_not_converged():
    matrix = symmetric(np.linspace(0, 1, 500))
    pairs = top_eigenpairs(matrix, 2, max_products=10, tolerance=1e-10, rng=0)
    assert pairs.products == 10
    assert not pairs.converged.any()
    np.testing.assert_allclose(pairs.residuals, true_residuals(matrix, pairs), rtol=1e-9)


@pytest.mark.parametrize(
    "matrix",
    [
        np.triu(np.ones((30, 30))),
        np.diag(np.ones(29), 1) - np.diag(np.ones(29), -1),
        np.random.default_rng(0).normal(size=(30, 30)),
    ],
)
def test_an_operator_that_contradicts_symmetry_is_refused(matrix):
    with pytest.raises(InputError, match="operator must be symmetric"):
        top_eigenpairs(matrix, 2, rng=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 4}, "k must be at most 3"),
        ({"k": 0}, "k must be an integer of at least 1"),
        ({"which": "LA"}, "which must be one of largest, smallest; got 'LA'"),
        ({"tolerance": 0}, "tolerance must be finite and above 0; got 0"),
        ({"max_products": 0}, "max_products must be an integer of at least 1"),
        ({"basis": 2}, "basis must be an integer of at least 3"),
        ({"start": np.ones(4)}, "start must have 3 rows"),
        ({"start": np.ones((3, 1, 1))}, r"start must have shape \(P,\) or \(P, r\)"),
        ({"start": np.ones((3, 0))}, r"start must have shape .*; got shape \(3, 0\)"),
        ({"size": 4}, r"operator must be of shape \(4, 4\); got shape \(3, 3\)"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        top_eigenpairs(np.eye(3), **arguments)


@pytest.mark.parametrize(
    ("operator", "size", "message"),
    [
        (np.ones((3, 2)), None, r"operator must be square; got shape \(3, 2\)"),
        (np.ones(3), None, r"operator must be square; got shape \(3,\)"),
        (lambda v: v, None, "size must be given"),
        (lambda v: v[:, None], 3, r"operator must return shape \(3,\)"),
        (lambda v: v[1:], 3, r"operator must return shape \(3,\)"),
    ],
)
def test_wrong_operators_are_refused(operator, size, message):
    with pytest.raises(InputError, match=message):
        top_eigenpairs(operator, size=size)


# The largest eigenvalue of a matrix -------------------------------------------------------------


def sizes_of_all_eigenvalues(monkeypatch):
    """Return a list that takes the size of each matrix of which all eigenvalues are computed."""
    sizes, original = [], np.linalg.eigvalsh

    def counted(matrix):
        sizes.append(matrix.shape[-1])
        return original(matrix)

    monkeypatch.setattr(np.linalg, "eigvalsh", counted)
    return sizes


@pytest.mark.parametrize("unit", [1e-200, 1.0, 1e200])
def test_the_largest_eigenvalue_of_a_large_matrix_takes_no_others(unit, monkeypatch):
    sizes = sizes_of_all_eigenvalues(monkeypatch)
    many = unit * np.stack([symmetric(spread(600, seed), seed) for seed in range(2)])
    found = eigenpairs.largest_eigenvalue(np.concatenate([many, np.full((1, 600, 600), np.nan)]))
    expected = [unit * spread(600, seed)[-1] for seed in range(2)]
    np.testing.assert_allclose(found, [*expected, np.nan], rtol=1e-10)
    assert not sizes


def test_a_search_that_does_not_converge_is_followed_by_all_eigenvalues(monkeypatch):
    matrix, search = symmetric(np.linspace(0, 1, 600)), eigenpairs.top_eigenpairs

    def short(operator, **options):
        return search(operator, **options | {"max_products": 3})

    monkeypatch.setattr(eigenpairs, "top_eigenpairs", short)
    sizes = sizes_of_all_eigenvalues(monkeypatch)
    assert eigenpairs.largest_eigenvalue(matrix) == pytest.approx(1, rel=1e-13)
    assert sizes == [600]
