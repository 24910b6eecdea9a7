"""Time the derivatives of a network against PyTorch, JAX and neural-tangents.

    python benchmarks/mlp.py [--widths 512 2048] [--repeats 7] [--threads 2] [--only gradient_step]

ReLU networks with 3 hidden layers in NTK parametrisation, 512 digits, 10 outputs, squared error.
All contenders of a table run in turn, in one process, on the same cores and as many threads; a
table shows the medians of their times in units of ours. Before that, every contender's result is
compared with ours. On a busy machine take ``--clock cpu``. Peers that are not installed are left
out: ``pip install torch jax neural-tangents scikit-learn``.

Nearly all the time is matrix products, so look at the architecture that NumPy's OpenBLAS says it
takes the processor for. Where ``OPENBLAS_CORETYPE`` is set in the environment to Haswell, it runs
at half the speed of AVX-512, and the peers, whose products are their own, do not: unset it.

neural-tangents 0.6.5 needs an older JAX (0.4.30 will do), and so a process of its own.

What was found stands in ``docs/benchmarks.md``. What bounds it is matrix products: one more row of
the tables times them alone. Ours shares the samples out among threads, so that each has a product
of its own. The whole kernel is formed in less time than the
matrix-free way takes, up to a few hundred rows.
"""

import os
import time
from functools import partial

from side_by_side import PASSIVE, installed, options, race

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}  # cpu: on a busy machine
DTYPES = ["float32", "float64"]


def share_cores(threads):
    """Restrict this process to so many cores, and libraries imported later to as many threads."""
    cores = sorted(os.sched_getaffinity(0))[:threads]
    os.sched_setaffinity(0, cores)
    os.environ.update(PASSIVE)
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = str(len(cores))


OPTIONS = options(
    __doc__, widths=[512, 2048], dtypes=DTYPES, repeats=7, threads=2, clock="wall", only=["all"]
)
share_cores(OPTIONS.threads)

import numpy as np  # noqa: E402
import threadpoolctl  # noqa: E402
from scipy.sparse.linalg import eigsh  # noqa: E402

from catapult_sim import datasets  # noqa: E402
from catapult_sim.mlp import kernel  # noqa: E402
from catapult_sim.mlp.network import MLP  # noqa: E402
from catapult_sim.numeric.curvature.eigenpairs import top_eigenpairs  # noqa: E402
from catapult_sim.numeric.runs.blas_threads import side_by_side  # noqa: E402

DEPTH, SAMPLES, OUTPUTS = 3, 512, 10
TOLERANCE = 1e-4  # of the residual of a top eigenvalue


PEERS = {name: installed(name) for name in ("torch", "jax", "neural_tangents")}
if PEERS["torch"]:
    PEERS["torch"].set_num_threads(OPTIONS.threads)


def compared(title, contenders, repeats):
    """Compare every contender's result with the first, and time all of them."""
    results = {name: np.array(run(), dtype=float) for name, run in contenders.items()}
    reference = next(iter(results.values()))
    for name, result in results.items():
        error = np.abs(result - reference).max() / np.abs(reference).max()
        if not (error < 1e-3 or np.isnan(error)):
            print(f"  {name} DIFFERS by {error:.1e}")
    race(title, contenders, repeats, clock=CLOCKS[OPTIONS.clock], settling=float("inf"))


class Problem:
    """The same network, theta, data and direction for every library."""

    def __init__(self, width, dtype, peers, samples=SAMPLES):
        self.dtype, self.peers = dtype, peers
        self.net = MLP([64, *[width] * DEPTH, OUTPUTS], dtype=dtype)
        X, y = datasets.digits("classes")
        self.X, self.y = self.net.require_data(X[:samples], y[:samples])
        self.theta, self.v = self.net.init(rng=0), self.net.init(rng=1)
        self.u = np.random.default_rng(2).normal(size=self.y.shape).astype(dtype)
        self.rate = self.net.dtype.type(1e-6)

    def split(self, vector):
        return [np.ascontiguousarray(weights) for weights, _ in self.net.split(vector)]

    def joined(self, parts):
        return np.concatenate([np.asarray(part).ravel() for part in parts])


# PyTorch ----------------------------------------------------------------------------------------


def torch_outputs(problem, weights, X):
    for scale, W in zip(problem.net.scales, weights, strict=True):
        X = scale * (X @ W)
        if W.shape[1] != OUTPUTS:
            X = X.relu()
    return X


def torch_problem(problem):
    torch = problem.peers["torch"]
    weights = [torch.tensor(W, requires_grad=True) for W in problem.split(problem.theta)]
    X, y = torch.tensor(problem.X), torch.tensor(problem.y)

    def loss():
        return 0.5 * ((torch_outputs(problem, weights, X) - y) ** 2).sum() / len(X)

    return torch, weights, X, loss


def torch_step(problem):
    torch, weights, _, loss = torch_problem(problem)

    def step():
        value = loss()
        gradients = torch.autograd.grad(value, weights)
        with torch.no_grad():
            for W, gradient in zip(weights, gradients, strict=True):
                W.sub_(gradient, alpha=float(problem.rate))
        return value.item()

    return step


def torch_hessian(problem):
    """Return PyTorch's Hessian product: the gradient is kept, its product differentiated."""
    torch, weights, _, loss = torch_problem(problem)
    gradients = torch.autograd.grad(loss(), weights, create_graph=True)
    v = [torch.tensor(V) for V in problem.split(problem.v)]

    def product():
        return [
            part.numpy()
            for part in torch.autograd.grad(gradients, weights, grad_outputs=v, retain_graph=True)
        ]

    return lambda: problem.joined(product())


def torch_kernel(problem):
    """Return PyTorch's kernel product: J^T u by reverse mode, J by differentiating that in u."""
    torch, weights, X, _ = torch_problem(problem)
    outputs = torch_outputs(problem, weights, X)
    dummy = torch.zeros_like(outputs, requires_grad=True)
    pulled = torch.autograd.grad(outputs, weights, grad_outputs=dummy, create_graph=True)

    def product(u):
        u = torch.tensor(u)
        back = torch.autograd.grad(outputs, weights, grad_outputs=u, retain_graph=True)
        (forth,) = torch.autograd.grad(pulled, dummy, grad_outputs=back, retain_graph=True)
        return forth.numpy() / len(X)

    return product


# JAX --------------------------------------------------------------------------------------------


def jax_outputs(problem, weights, X):
    jax = problem.peers["jax"]
    for scale, W in zip(problem.net.scales, weights, strict=True):
        X = scale * (X @ W)
        if W.shape[1] != OUTPUTS:
            X = jax.nn.relu(X)
    return X


def jax_problem(problem):
    jax = problem.peers["jax"]
    weights = [jax.numpy.array(W) for W in problem.split(problem.theta)]
    X, y = jax.numpy.array(problem.X), jax.numpy.array(problem.y)

    def loss(weights):
        return 0.5 * ((jax_outputs(problem, weights, X) - y) ** 2).sum() / len(X)

    return jax, weights, X, loss


def jax_step(problem):
    jax, weights, _, loss = jax_problem(problem)

    @(lambda step: jax.jit(step, donate_argnums=0))
    def step(weights):
        value, gradients = jax.value_and_grad(loss)(weights)
        return [W - problem.rate * g for W, g in zip(weights, gradients, strict=True)], value

    state = [weights]

    def run():
        state[0], value = step(state[0])
        return float(jax.block_until_ready((state[0], value))[1])

    return run


def jax_hessian(problem):
    jax, weights, _, loss = jax_problem(problem)
    _, product = jax.linearize(jax.grad(loss), weights)
    product, v = jax.jit(product), [jax.numpy.array(V) for V in problem.split(problem.v)]
    return lambda: problem.joined(jax.block_until_ready(product(v)))


def jax_kernel(problem):
    jax, weights, X, _ = jax_problem(problem)
    _, forth = jax.linearize(lambda weights: jax_outputs(problem, weights, X), weights)
    back = jax.linear_transpose(forth, weights)
    product = jax.jit(lambda u: forth(*back(u)) / len(X))
    return lambda u: np.asarray(product(u))


# Kernels, whole ---------------------------------------------------------------------------------


def torch_dense(problem):
    """Return the top eigenvalue from Jacobians of every sample by torch.func."""
    torch = problem.peers["torch"]
    weights = [torch.tensor(W) for W in problem.split(problem.theta)]
    X = torch.tensor(problem.X)
    jacobians = torch.func.vmap(
        torch.func.jacrev(lambda weights, x: torch_outputs(problem, weights, x)), (None, 0)
    )

    def run():
        parts = [J.flatten(2).flatten(0, 1) for J in jacobians(weights, X)]
        return top_of_dense(sum(J @ J.T for J in parts).numpy() / len(X))

    return run


def tangents_dense(problem, implementation):
    jax, tangents = problem.peers["jax"], problem.peers["neural_tangents"]
    _, weights, X, _ = jax_problem(problem)
    kernel = jax.jit(
        tangents.empirical_ntk_fn(
            lambda weights, X: jax_outputs(problem, weights, X),
            trace_axes=(),
            implementation=tangents.NtkImplementation[implementation],
        )
    )

    try:
        kernel(X, None, weights)
    except (AttributeError, TypeError) as error:
        print(f"  (neural-tangents {implementation} is left out: {error})")
        return None

    def run():
        found = np.asarray(kernel(X, None, weights)) / len(X)  # (m, m, k, k)
        size = len(X) * OUTPUTS
        return top_of_dense(found.transpose(0, 2, 1, 3).reshape(size, size))

    return run


def top_of_dense(matrix):
    return np.linalg.eigvalsh(matrix)[-1]


# Tables: problem -> contenders, ours first ------------------------------------------------------


def peers(problem, **makers):
    """Return the contenders of the libraries that are installed and can do it."""
    made = {
        name: make(problem)
        for name, make in makers.items()
        if problem.peers[name.split()[0].replace("-", "_")]
    }
    return {name: run for name, run in made.items() if run is not None}


def gradient_step(problem):
    net, theta, start = problem.net, problem.theta.copy(), problem.theta.copy()
    point, gradient = net.at(theta, problem.X, problem.y), np.empty_like(theta)

    def kept():
        loss = point.move(theta).loss
        np.multiply(point.gradient(out=gradient), problem.rate, out=gradient)
        np.subtract(theta, gradient, out=theta)
        return loss

    def fresh():
        loss, by_theta = net.loss_and_gradient(start, problem.X, problem.y)
        by_theta *= problem.rate
        start[...] -= by_theta
        return loss

    ours = {"ours, arrays kept": kept, "ours, fresh arrays": fresh}
    bound = matrix_products(problem, of_step)
    return ours | peers(problem, torch=torch_step, jax=jax_step) | bound


def hessian_product(problem):
    point = problem.net.at(problem.theta, problem.X, problem.y)
    ours = {"ours": lambda: point.hessian_product(problem.v)}
    bound = matrix_products(problem, of_hessian)
    return ours | peers(problem, torch=torch_hessian, jax=jax_hessian) | bound


def kernel_product(problem):
    products = {name: partial(run, problem.u) for name, run in kernel_products(problem).items()}
    return products | matrix_products(problem, of_kernel)


def of_step(number, W, a, s, others):
    """Return the factors of a layer's products in a gradient step."""
    backward = [(s, W.T)] if number else []
    return [(a, W), (a.T, s), *backward]


def of_hessian(number, W, a, s, others):
    """Return the factors of a layer's products along a direction: of both, but for the inputs."""
    return of_step(number, W, a, s, others) * (2 if number else 1)


def of_kernel(number, W, a, s, others):
    """Return the factors of a layer's products in a kernel product, by Gram matrices."""
    gram = np.ones((len(a), len(others)), a.dtype)
    return [(s, W.T), (a, W), (gram, others)] if number else [(a.T, s), (a, W)]


def matrix_products(problem, factors):
    """Return matrix products alone, each thread's of its share of the samples: a bound of ours."""
    rows, parts = len(problem.X) // OPTIONS.threads, []
    for _ in range(OPTIONS.threads):
        products = []
        for number, W in enumerate(problem.split(problem.theta)):
            a, s = (np.ones((rows, size), W.dtype) for size in W.shape)
            others = np.ones((len(problem.X), W.shape[1]), W.dtype)
            products += [(x, y, x @ y) for x, y in factors(number, W, a, s, others)]
        parts.append(partial(multiply, products))

    def run():
        side_by_side(parts)
        return np.nan  # nothing to compare

    return {"(its matrix products alone)": run}


def multiply(products):
    for x, y, out in products:
        np.matmul(x, y, out=out)


def kernel_products(problem):
    ours = {"ours": problem.net.at(problem.theta, problem.X).kernel_product}
    return ours | peers(problem, torch=torch_kernel, jax=jax_kernel)


def kernel_eigenvalue(problem):
    """Return contenders for the top kernel eigenvalue without the kernel, to the same residual.

    Ours begins with theta. Products of peers are made beforehand and go through the same Lanczos
    iteration, ours also through SciPy's.
    """
    net, theta, X, start = problem.net, problem.theta, problem.X, problem.u.ravel()

    def on_vectors(product):
        return lambda u: np.asarray(product(u.reshape(problem.u.shape))).ravel()

    def by_us(multiply):
        return lambda: top_eigenpairs(multiply, start=start, tolerance=TOLERANCE).values[0]

    def by_scipy():
        operator = net.at(theta, X).kernel
        return eigsh(operator, k=1, v0=start, tol=TOLERANCE)[0][0]

    def by_default():
        return kernel.top_eigenpairs(net, theta, X, start=start, tolerance=TOLERANCE).values[0]

    products = {name: on_vectors(product) for name, product in kernel_products(problem).items()}
    passes = by_us(products.pop("ours"))
    others = {f"{name}, same Lanczos": by_us(product) for name, product in products.items()}
    ours = {"ours": by_default, "ours, by passes": passes, "ours, by passes, eigsh": by_scipy}
    return ours | others


def whole_kernel(problem):
    """Return contenders for the top eigenvalue from the whole kernel of few samples."""
    width = problem.net.widths[1]
    samples = max(8, 64 * 512**2 // width**2)  # Jacobians of P columns are to fit into memory
    few = Problem(width, problem.dtype, problem.peers, samples)
    ours = {
        "ours, without the kernel": lambda: kernel.top_eigenpairs(
            few.net, few.theta, few.X, start=few.u.ravel(), tolerance=TOLERANCE
        ).values[0],
        "ours, whole kernel, eigvalsh": lambda: top_of_dense(kernel.ntk(few.net, few.theta, few.X)),
    }
    names = ("STRUCTURED_DERIVATIVES", "NTK_VECTOR_PRODUCTS", "JACOBIAN_CONTRACTION")
    tangents = {
        f"neural-tangents {name}": partial(tangents_dense, implementation=name) for name in names
    }
    return ours | peers(few, **{"torch func": torch_dense}, **tangents)


BLAS = ("internal_api", "version", "architecture", "num_threads")

TABLES = (gradient_step, hessian_product, kernel_product, kernel_eigenvalue, whole_kernel)


def main():
    for library in threadpoolctl.threadpool_info():
        print("  " + ", ".join(f"{key} {library.get(key)}" for key in BLAS))
    shown = f"{DEPTH} hidden layers, {SAMPLES} digits, {OUTPUTS} outputs"
    for contenders in TABLES:
        name = contenders.__name__
        if not {"all", name} & {*OPTIONS.only}:
            continue
        for width in OPTIONS.widths:
            for dtype in OPTIONS.dtypes:
                problem = Problem(width, dtype, PEERS)
                title = f"{name.replace('_', ' ')}: width {width}, {dtype}, {shown}"
                compared(title, contenders(problem), OPTIONS.repeats)


if __name__ == "__main__":
    main()
