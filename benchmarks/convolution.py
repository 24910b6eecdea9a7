"""Time a gradient step and a Hessian product of a convolutional network against PyTorch.

    python benchmarks/convolution.py [--channels 32 128] [--repeats 7] [--threads 2]

Images of 14 x 14 numbers, 128 of them, three convolutions of 3 x 3 filters with ReLU, the mean of
each channel, 10 outputs, squared error, single precision. PyTorch keeps its gradient for Hessian
products, as we do. PyTorch is left out where it is not installed.

The last row of each table is what bounds ours: its matrix products alone, of patches that are
unfolded already.
"""

import os

from side_by_side import PASSIVE, installed, options, race

OPTIONS = options(__doc__, channels=[32, 128], repeats=7, threads=2)
os.environ.update(PASSIVE)  # before libraries are imported
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = str(OPTIONS.threads)

import numpy as np  # noqa: E402

import catapult_sim as cs  # noqa: E402

SIDE, SAMPLES, OUTPUTS, DEPTH = 14, 128, 10, 3


class Problem:
    """The same network, images, theta and direction for both."""

    def __init__(self, channels):
        layers = [cs.Convolution(channels, 3, padding=1), "relu"] * DEPTH
        shape, self.channels = (SIDE, SIDE, 1), channels
        self.net = cs.Network(
            shape,
            [*layers, cs.MeanPooling(), cs.Dense(OUTPUTS)],
            parametrization="standard",
            dtype="float32",
        )
        rng = np.random.default_rng(0)
        self.images = rng.normal(size=(SAMPLES, *shape))
        self.X, self.y = self.net.require_data(self.images, rng.normal(size=(SAMPLES, OUTPUTS)))
        self.theta, self.v = self.net.init(rng=0), self.net.init(rng=1)
        self.rate = self.net.dtype.type(1e-6)


# Ours -------------------------------------------------------------------------------------------


def our_step(problem):
    theta, gradient = problem.theta.copy(), np.empty_like(problem.theta)
    point = problem.net.at(theta, problem.X, problem.y)

    def step():
        loss = point.move(theta).loss
        np.multiply(point.gradient(out=gradient), problem.rate, out=gradient)
        np.subtract(theta, gradient, out=theta)
        return loss

    return step


def our_product(problem):
    point = problem.net.at(problem.theta, problem.X, problem.y)
    return lambda: point.hessian_product(problem.v)


def matrix_products(problem, of_each):
    """Return the matrix products of patches and filters alone, so many in each convolution."""
    places = SAMPLES * SIDE**2
    sizes = [9, *[9 * problem.channels] * (DEPTH - 1)]
    layers = [
        (
            np.ones((places // SAMPLES, size), "float32"),
            np.ones((size, problem.channels), "float32"),
        )
        for size in sizes
    ]
    out = np.empty((places // SAMPLES, problem.channels), "float32")

    def run():
        for patches, filters in layers:
            for _ in range(SAMPLES * of_each):
                np.matmul(patches, filters, out=out)

    return run


# PyTorch ----------------------------------------------------------------------------------------


def tensors(torch, problem, vector):
    """Return the filters of a vector as PyTorch's, channels before height and width."""
    parts = [weights for weights, _ in problem.net.split(vector)]
    return [
        torch.tensor(np.moveaxis(part, (-1, -2), (0, 1)) if part.ndim == 4 else part.T)
        for part in parts
    ]


def torch_problem(torch, problem):
    weights = [one.requires_grad_() for one in tensors(torch, problem, problem.theta)]
    images = torch.tensor(problem.images.astype("float32")).permute(0, 3, 1, 2).contiguous()
    y = torch.tensor(problem.y)

    def loss():
        x = images
        for filters in weights[:-1]:
            x = torch.nn.functional.conv2d(x, filters, padding=1).relu()
        return 0.5 * ((x.mean(dim=(2, 3)) @ weights[-1].T - y) ** 2).sum() / SAMPLES

    return weights, loss


def torch_step(torch, problem):
    weights, loss = torch_problem(torch, problem)

    def step():
        value = loss()
        gradients = torch.autograd.grad(value, weights)
        with torch.no_grad():
            for one, gradient in zip(weights, gradients, strict=True):
                one.sub_(gradient, alpha=float(problem.rate))
        return value.item()

    return step


def torch_product(torch, problem):
    weights, loss = torch_problem(torch, problem)
    gradients = torch.autograd.grad(loss(), weights, create_graph=True)
    v = tensors(torch, problem, problem.v)
    return lambda: torch.autograd.grad(gradients, weights, grad_outputs=v, retain_graph=True)


# Tables -----------------------------------------------------------------------------------------


def require_equal(torch, problem, product):
    """Stop where PyTorch's Hessian product is not ours."""
    ours = tensors(torch, problem, our_product(problem)())
    for one, other in zip(ours, product(), strict=True):
        error = (one - other).abs().max() / other.abs().max()
        if not error < 1e-3:
            raise RuntimeError(f"PyTorch's Hessian product differs by {error:.1e}")


def main():
    torch = installed("torch")
    if torch:
        torch.set_num_threads(OPTIONS.threads)
    for channels in OPTIONS.channels:
        problem = Problem(channels)
        # Of the first convolution no derivative by its images is needed: at most so many.
        steps = {"ours": our_step(problem)}
        products = {"ours": our_product(problem)}
        if torch:
            steps["PyTorch"] = torch_step(torch, problem)
            products["PyTorch"] = torch_product(torch, problem)
            require_equal(torch, problem, products["PyTorch"])
        steps["(matrix products alone, at most)"] = matrix_products(problem, 3)
        products["(matrix products alone, at most)"] = matrix_products(problem, 6)
        of = f"{channels} channels, P = {problem.net.size}"
        race(f"gradient step of a convolutional network, {of}", steps, OPTIONS.repeats)
        race(f"Hessian product of a convolutional network, {of}", products, OPTIONS.repeats)


if __name__ == "__main__":
    main()
