"""Time the top Hessian eigenvalue of a network, to the same residual, against other packages.

    OMP_NUM_THREADS=1 python benchmarks/curvature.py [--repeats 7] [--residual 1e-3] [--width 512]

Three hidden ReLU layers, 512 digits, 10 outputs, squared error, double precision. All contenders
see the same Hessian, run in turn in one process, and begin at random; the table shows the medians
of their times in units of ours, the Hessian products each took, and the residual reached, as a
fraction of the eigenvalue. PyHessian stops by a tolerance of its own: the loosest that reaches the
residual is looked up beforehand. Its last vector is one product further than its value,
which is to its advantage here. Peers that are not installed are left out:
``pip install torch pyhessian curvlinops-for-pytorch``.

Then what tracking costs: one and five directions at every step of a network of width 256.

What was found stands in ``docs/benchmarks.md``.
"""

import itertools
import os
import warnings
from functools import partial

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh
from side_by_side import installed, options, race

from catapult_sim import MLP, top_eigenpairs
from catapult_sim.datasets import digits, subset
from catapult_sim.experiments.sharpest_directions import track

SAMPLES, OUTPUTS, TRACKED, STEPS = 512, 10, 5, 100
warnings.filterwarnings("ignore", category=FutureWarning)  # of the peers
warnings.filterwarnings("ignore", category=UserWarning)


def problem(width, layers):
    X, y = subset(*digits("classes"), SAMPLES, rng=0)
    net = MLP([X.shape[1], *[width] * layers, OUTPUTS], parametrization="standard")
    return net, net.init(rng=0), X, y


class Counted:
    """A function that counts its calls."""

    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, v):
        self.calls += 1
        return self.function(v)


def by_eigsh(product, size, tolerance, rng):
    counted = Counted(product)
    operator = LinearOperator((size, size), matvec=counted, dtype=float)
    values, vectors = eigsh(operator, 1, which="LA", v0=rng.normal(size=size), tol=tolerance)
    return values[0], vectors[:, 0], counted.calls


def by_ours(product, size, tolerance, rng):
    pairs = top_eigenpairs(product, size=size, tolerance=tolerance, rng=rng)
    return pairs.values[0], pairs.vectors[:, 0], pairs.products


# PyTorch ----------------------------------------------------------------------------------------


def torch_model(torch, net, theta):
    layers = []
    for weights, _ in net.split(theta):
        linear = torch.nn.Linear(*weights.shape, bias=False, dtype=torch.float64)
        linear.weight.data = torch.tensor(weights.T.copy())
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def half_squares(outputs, targets):
    return 0.5 * ((outputs - targets) ** 2).sum() / len(outputs)


def torch_product(torch, model, X, y):
    """Return PyTorch's Hessian product: the gradient once, then one backward pass a product."""
    weights = [*model.parameters()]
    loss = half_squares(model(torch.tensor(X)), torch.tensor(y))
    gradient = torch.autograd.grad(loss, weights, create_graph=True)
    shapes = [part.shape for part in weights]
    ends = np.cumsum([shape.numel() for shape in shapes])[:-1]

    def product(v):
        parts = [
            torch.from_numpy(part).reshape(shape)
            for part, shape in zip(np.split(v, ends), shapes, strict=True)
        ]
        image = torch.autograd.grad(gradient, weights, parts, retain_graph=True)
        return torch.cat([part.reshape(-1) for part in image]).numpy()

    return product


def by_pyhessian(torch, pyhessian, model, X, y, stop):
    torch.set_default_dtype(torch.float64)
    computer = pyhessian.hessian(
        model, half_squares, data=(torch.tensor(X), torch.tensor(y)), cuda=False
    )
    original = pyhessian.hessian.eigenvalues.__globals__["hessian_vector_product"]
    counted = Counted(lambda arguments: original(*arguments))
    pyhessian.hessian.eigenvalues.__globals__["hessian_vector_product"] = lambda *a: counted(a)
    values, vectors = computer.eigenvalues(maxIter=2000, tol=stop)
    pyhessian.hessian.eigenvalues.__globals__["hessian_vector_product"] = original
    model.zero_grad(set_to_none=True)
    torch.set_default_dtype(torch.float32)
    return values[0], torch.cat([part.reshape(-1) for part in vectors[0]]).numpy(), counted.calls


def loosest_stop(run, residual_of, wanted):
    """Return the loosest of PyHessian's tolerances 1e-3, 3e-4, ... that meets the residual."""
    for exponent in np.arange(3, 12, 0.5):
        value, vector, _ = run(10**-exponent)
        if residual_of(value, vector) <= wanted:
            return 10**-exponent
    raise RuntimeError("PyHessian's power iteration does not reach the residual")


# Tables -----------------------------------------------------------------------------------------


def top_eigenvalue(width, tolerance, repeats):
    net, theta, X, y = problem(width, layers=3)
    reference = net.at(theta, X, y).hessian_product
    # A contender makes what it needs at theta anew, as at a step of a run.
    contenders = {
        "ours": lambda rng: by_ours(net.at(theta, X, y).hessian_product, net.size, tolerance, rng),
        "our product, scipy eigsh": lambda rng: by_eigsh(
            net.at(theta, X, y).hessian_product, net.size, tolerance, rng
        ),
    }
    residuals = {}

    def relative_residual(value, vector, product=reference):
        unit = vector / np.linalg.norm(vector)
        image = np.array(product(unit.copy()))
        return np.linalg.norm(image - (unit @ image) * unit) / abs(value)

    torch = installed("torch")
    if torch:
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))
        model = torch_model(torch, net, theta)
        by_torch = torch_product(torch, model, X, y)
        contenders["PyTorch double backward, our Lanczos"] = lambda rng: by_ours(
            torch_product(torch, model, X, y), net.size, tolerance, rng
        )
        contenders["PyTorch double backward, scipy eigsh"] = lambda rng: by_eigsh(
            torch_product(torch, model, X, y), net.size, tolerance, rng
        )

        def torch_residual(value, vector):
            return relative_residual(value, vector, by_torch)

        if pyhessian := installed("pyhessian"):

            def power(stop):
                return by_pyhessian(torch, pyhessian, model, X, y, stop)

            stop = loosest_stop(power, torch_residual, tolerance)
            contenders[f"PyHessian, tol = {stop:.0e}"] = lambda rng: power(stop)
        if curvlinops := installed("curvlinops"):
            contenders["curvlinops, scipy eigsh"] = lambda rng: by_curvlinops(
                torch, curvlinops, model, X, y, tolerance, rng
            )
        residuals = {name: torch_residual for name in contenders if name[0] in "Pc"}
    found, rngs = {}, {name: map(np.random.default_rng, itertools.count()) for name in contenders}

    def run_of(name, run):
        found[name] = run(next(rngs[name]))

    runs = {name: partial(run_of, name, run) for name, run in contenders.items()}
    title = f"top Hessian eigenvalue, width {width}, P = {net.size}, residual {tolerance:g}"
    race(title, runs, repeats, settling=0)  # in a round all have the same generator
    for name, (value, vector, products) in found.items():
        residual = residuals.get(name, relative_residual)(value, vector)
        print(f"  {name}: {products} products, value {value:.7g}, residual {residual:.1e}")


def by_curvlinops(torch, curvlinops, model, X, y, tolerance, rng):
    class HalfSquares(torch.nn.MSELoss):
        def forward(self, outputs, targets):
            return half_squares(outputs, targets)

    operator = curvlinops.HessianLinearOperator(
        model,
        HalfSquares(),
        [*model.parameters()],
        [(torch.tensor(X), torch.tensor(y))],
        check_deterministic=False,
    ).to_scipy()
    return by_eigsh(operator.matvec, operator.shape[0], tolerance, rng)


def tracking(tolerance):
    net, theta, X, y = problem(256, layers=2)
    rate = 1 / top_eigenpairs(net.at(theta, X, y).hessian, rng=0).values[0]
    print(f"\nTracking for {STEPS} steps, width 256, residual {tolerance:g}")
    for k, batch in itertools.product((1, TRACKED), (SAMPLES, 32)):
        how = {"learning_rate": rate, "batch_size": batch, "steps": STEPS, "k": k}
        run = track(net, theta, X, y, tolerance=tolerance, rng=0, **how)
        print(
            f"  {k} directions, batches of {batch:>3}: {run.products[1:].mean():.1f} products a "
            f"step, at most {run.products[1:].max()}; {run.products[0]} at the start"
        )


def main():
    asked = options(__doc__, repeats=7, residual=1e-3, width=512)
    top_eigenvalue(asked.width, asked.residual, asked.repeats)
    tracking(1e-3)


if __name__ == "__main__":
    main()
