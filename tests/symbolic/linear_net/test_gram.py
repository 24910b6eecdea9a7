"""The closed forms on any data, against explicit weights and the printed equations."""

import numpy as np
import pytest
import sympy as sp

from catapult_sim.symbolic.linear_net.gram import (
    closure,
    eta,
    function_space,
    lam,
    large_error_map,
    n,
    zeta,
)


def explicit_step(U, V, X, y, learning_rate):
    """One step of gradient descent on the weights themselves."""
    width, m = len(U), len(X)
    gradient = X.T @ (X @ U.T @ V / np.sqrt(width) - y) / m
    return (
        U - learning_rate * V @ gradient.T / np.sqrt(width),
        V - learning_rate * U @ gradient / np.sqrt(width),
    )


def gram_state(U, V):
    width = len(U)
    blocks = (U.T @ U / width, U.T @ V / np.sqrt(width), V.T @ V / width)
    return np.concatenate([block.ravel() for block in blocks])


def data_parameters(X, y):
    return [*(X.T @ X / len(X)).ravel(), *(X.T @ y / len(X)).ravel()]


def problem(seed, width, m, d, k):
    rng = np.random.default_rng(seed)
    U, V = rng.normal(size=(width, d)), rng.normal(size=(width, k))
    return U, V, rng.normal(size=(m, d)), rng.normal(size=(m, k))


@pytest.mark.parametrize("width", [1, 2, 7, 400])
@pytest.mark.parametrize(("m", "d", "k"), [(1, 1, 1), (5, 2, 1), (4, 2, 3), (2, 3, 2)])
def test_the_closure_is_what_gradient_descent_does_to_the_gram_matrix(width, m, d, k):
    U, V, X, y = problem(width, width, m, d, k)
    step = closure(inputs=d, outputs=k).numpy()
    following = step(gram_state(U, V), 0.3, width, *data_parameters(X, y))
    expected = gram_state(*explicit_step(U, V, X, y, 0.3))
    np.testing.assert_allclose(following, expected, rtol=1e-12, atol=1e-13 * abs(expected).max())


def test_the_closure_follows_the_weights_through_a_whole_catapult():
    U, V, X, y = problem(3, 300, 4, 3, 1)
    kernel = X @ (U.T @ U + V.T @ V * np.eye(3)) @ X.T / (4 * 300)
    learning_rate = 2.6 / np.linalg.eigvalsh(kernel)[-1]
    step, state = closure(inputs=3, outputs=1).numpy(), gram_state(U, V)
    losses = []
    for _ in range(60):
        losses.append(np.mean((X @ U.T @ V / np.sqrt(300) - y) ** 2) / 2)
        state = step(state, learning_rate, 300, *data_parameters(X, y))
        U, V = explicit_step(U, V, X, y, learning_rate)
    assert max(losses) > 10 * losses[0] > 100 * losses[-1]
    np.testing.assert_allclose(state, gram_state(U, V), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("width", "m", "d", "k"), [(1, 1, 2, 1), (2, 1, 2, 1), (3, 1, 1, 2)])
def test_the_closure_is_an_identity_in_the_weights(width, m, d, k):
    U, V, X, y = (
        sp.Matrix(rows, columns, lambda i, j, name=name: sp.Symbol(f"{name}_{i}_{j}"))
        for name, rows, columns in (("u", width, d), ("v", width, k), ("x", m, d), ("y", m, k))
    )
    error = X * U.T * V / sp.sqrt(width) - y
    loss = sum(entry**2 for entry in error) / (2 * m)
    U_next, V_next = (w - eta * w.applyfunc(lambda entry: sp.diff(loss, entry)) for w in (U, V))

    def state(U, V):
        return [*(U.T * U / width), *(U.T * V / sp.sqrt(width)), *(V.T * V / width)]

    rule = closure(inputs=d, outputs=k).inline().entrywise()
    data = [eta, sp.Integer(width), *(X.T * X / m), *(X.T * y / m)]
    values = dict(zip((*rule.state, *rule.parameters), [*state(U, V), *data], strict=True))
    for derived, expected in zip(rule.next, state(U_next, V_next), strict=True):
        assert sp.expand(derived.xreplace(values) - expected) == 0


def test_the_closure_is_G_to_M_G_M_at_every_size():
    rule = closure()
    A, F, B = rule.state
    (g,) = rule.where
    step, root = eta / sp.sqrt(n), sp.sqrt(n)
    M = sp.BlockMatrix([[sp.Identity(A.rows), -step * g], [-step * g.T, sp.Identity(B.rows)]])

    def gram(A, F, B):
        return sp.BlockMatrix([[A, F / root], [F.T / root, B]])

    product = sp.block_collapse(M * gram(A, F, B) * M)
    difference = product - gram(*rule.next)
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        block = sp.block_collapse(difference).blocks[i, j]
        expanded = block.doit().expand().doit().subs({A.T: A, B.T: B})
        assert expanded.doit() == sp.ZeroMatrix(*block.shape)


def test_the_gradient_block_is_the_data_s():
    rule = closure()
    C, c = rule.parameters[2:]
    assert rule.where == {next(iter(rule.where)): C * rule.state[1] - c}


def test_at_infinite_width_the_gram_blocks_are_frozen_and_the_outputs_linear():
    U, V, X, y = problem(0, 50, 4, 2, 1)
    state = gram_state(U, V)
    following = closure(2, 1).numpy()(state, 0.7, np.inf, *data_parameters(X, y))
    A, F, B = state[:4].reshape(2, 2), state[4:6], state[6]
    gradient = X.T @ (X @ F - y[:, 0]) / 4
    expected = [*A.ravel(), *(F - 0.7 * (A + B * np.eye(2)) @ gradient), B]
    np.testing.assert_allclose(following, expected, rtol=1e-13)


@pytest.mark.parametrize("size", [0, -1, 2.0, "d"])
def test_a_size_that_counts_nothing_is_refused(size):
    with pytest.raises(ValueError, match="required a size of 1, 2, 3"):
        closure(inputs=size)
    with pytest.raises(ValueError, match="required a size of 1, 2, 3"):
        function_space(samples=size)


def kernel_state(U, V, X, y):
    width, m = len(U), len(X)
    residual = X @ U.T @ V / np.sqrt(width) - y
    kernel = (X @ U.T @ U @ X.T + (V.T @ V) * X @ X.T) / (width * m)
    return np.concatenate([residual.ravel(), kernel.ravel(), (V.T @ V / width).ravel()])


@pytest.mark.parametrize("width", [1, 5, 300])
@pytest.mark.parametrize(("m", "d"), [(1, 1), (3, 2), (2, 4)])
def test_residual_and_kernel_move_as_those_of_the_weights(width, m, d):
    U, V, X, y = problem(width, width, m, d, 1)
    following = function_space(samples=m).numpy()(
        kernel_state(U, V, X, y), 0.4, width, *(X @ X.T).ravel(), *y.ravel()
    )
    expected = kernel_state(*explicit_step(U, V, X, y, 0.4), X, y)
    np.testing.assert_allclose(following, expected, rtol=1e-12, atol=1e-13 * abs(expected).max())


def test_residual_and_kernel_move_as_the_paper_prints():
    width, m, d, step = 6, 3, 2, 0.4
    U, V, X, y = problem(1, width, m, d, 1)
    state = kernel_state(U, V, X, y)
    residual, kernel = state[:m], state[m:-1].reshape(m, m)
    f, z = residual + y[:, 0], X.T @ residual / m
    alignment = (X @ z) * (f @ residual)
    printed_residual = residual - step * kernel @ residual + step**2 / (width * m) * alignment
    first = np.outer(f, X @ z) + np.outer(X @ z, f) + 2 / m * X @ X.T * (f @ residual)
    second = (V.T @ V) * np.outer(X @ z, X @ z) + (z @ U.T @ U @ z) * X @ X.T
    printed_kernel = kernel - step / (width * m) * first + step**2 / (width**2 * m) * second
    rule = function_space(samples=m).numpy()
    following = rule(state, step, width, *(X @ X.T).ravel(), *y.ravel())
    np.testing.assert_allclose(following[:m], printed_residual, rtol=1e-12)
    np.testing.assert_allclose(following[m:-1], printed_kernel.ravel(), rtol=1e-12)


def test_a_large_error_moves_the_curvature_as_the_paper_approximates():
    rule = large_error_map()
    assert sp.expand(rule.next[1] - (lam + eta * zeta**2 / n * (eta * lam - 4))) == 0


def test_the_large_error_map_is_exact_where_all_inputs_are_parallel_and_labels_zero():
    width, step = 9, 0.2
    U, V, X, _ = problem(5, width, 4, 3, 1)
    X, y = np.outer(X[:, 0], X[0]), np.zeros((4, 1))

    def state(U, V):
        values = kernel_state(U, V, X, y)
        size = np.linalg.norm(X.T @ values[:4]) / 4
        return [size, np.linalg.eigvalsh(values[4:-1].reshape(4, 4))[-1]]

    following = large_error_map().numpy()(np.array(state(U, V)), step, width)
    # The map carries the sign of the error, which a norm of the weights' error has lost.
    expected = state(*explicit_step(U, V, X, y, step))
    np.testing.assert_allclose(abs(following), expected, rtol=1e-11)
