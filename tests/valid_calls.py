"""A valid call of every public function, class and method, by its path in the package.

Arguments are by name; ``self`` is the object of a method, ``*`` holds positional arguments. Where a
function returns a function, ``then`` calls that. Only ``self`` and ``then`` are never replaced.
"""

import types

import numpy as np
import sympy as sp

import catapult_sim as cs
from catapult_sim import symbolic
from catapult_sim.mlp.own_model import METHODS, as_model
from catapult_sim.numeric.flows.surface import Surface
from catapult_sim.numeric.random_products import RandomMatrices
from catapult_sim.numeric.runs.measured import Measured
from catapult_sim.numeric.runs.optimizers import GradientDescent
from catapult_sim.symbolic import linear_net

X, Y = np.array([[1.0, 2.0], [0.0, 1.0], [0.5, -1.0]]), np.array([1.0, -1.0, 0.5])
NET = cs.MLP([2, 3, 1], activation="tanh")
THETA = NET.init(rng=0)
CLOSURE = cs.LinearNet(X, Y, width=5)
STATE = CLOSURE.init(rng=0)
TAYLOR = cs.TaylorModel(NET, THETA)
POINT = NET.at(THETA, X, Y)
OBSERVERS = cs.Observers(NET, X, Y)
OWN = as_model(
    types.SimpleNamespace(**{name: getattr(NET, name) for name in (*METHODS, "predict", "init")}),
    THETA,
    X,
)
STUDY = cs.study(NET, X, Y, c=[1.0, 2.0], steps=3, held_out=(X, np.sign(Y)), progress=False)
RUN = CLOSURE.train(learning_rate=[0.1, 0.2], steps=3, state=STATE)
BOUNDARY = cs.boundary(lambda c: np.where(c > 2, 1, -1), 1.0, 3.0)
COIN = RandomMatrices(np.array([[[2.0]], [[0.25]]]), np.array([0.5, 0.5]))
MATRIX = np.diag([3.0, 2.0, 1.0])
DENSITY = cs.spectral_density(MATRIX, probes=2, rng=0)
x, y, h = sp.symbols("x y h")
RULE = symbolic.Update.descent((x * y - 1) ** 2 / 2, [x, y])
SURFACE = Surface(
    lambda w: (w[0] * w[1]) ** 2 / 2,
    lambda w: w[0] * w[1] * w[::-1],
    lambda w, v: w[::-1] ** 2 * v + 2 * w[0] * w[1] * v[::-1],
)
FIELD = symbolic.modified_field([(x * y - 1) ** 2 / 2], [x, y], h)

network = {"theta": THETA, "X": X}
network_of = {"network": NET, "theta": THETA}
labelled = {**network, "y": Y}
pointwise_loss = {"outputs": np.ones((3, 2)), "targets": np.full((3, 2), 0.5)}
run_options = {
    "learning_rate": 0.1,
    "steps": 3,
    "optimizer": GradientDescent(),
    "batches": np.array([[0, 1], [1, 2], [2, 0]]),
    "schedule": lambda t: 1.0,
    "average": cs.EMA(0.5),
    "observe": {"first": lambda weights: weights.sum(axis=tuple(range(1, weights.ndim)))},
    "every": 1,
    "tolerance": 0.0,
    "escape": 1e10,
    "checkpoint": None,
    "progress": lambda n: None,
    "memory_limit": 2.0**32,
}
noisy = {
    "rates": np.full(4, 0.5),
    "start": 1.0,
    "momentum": 0.0,
    "nesterov": False,
    "batches": 3,
    "average": cs.EMA(0.5),
}


@np.errstate(all="ignore")
def pull(w):
    """Return the gradients of two batches, ``(..., P) -> (..., 2, P)``."""
    return np.stack([w - w**3, w + 1], axis=-2)


def halve(cell):
    return cell["x"] / 2


def of(self, **arguments):
    """Return the entry of a method."""
    return {"self": self, **arguments}


CALLS = {
    # Top and ground
    "datasets.files.load": {
        "data": "nowhere.csv",
        "labels": "auto",
        "inputs": "raw",
        "label_column": None,
        "drop": None,
    },
    "datasets.images.digits": {"labels": "parity", "inputs": "pixel"},
    **{
        f"datasets.images.{name}": {
            "folder": "nowhere",
            "part": "train",
            "labels": "classes",
            "inputs": "global",
            "pool": 1,
        }
        for name in ("mnist", "fashion_mnist")
    },
    "datasets.labels.encode_labels": {"y": [0, 1, 2], "encoding": "auto", "classes": None},
    "datasets.labels.one_hot": {"labels": [0, 1, 2], "classes": 3},
    "datasets.sampling.subset": {"X": X, "y": Y, "samples": 2, "rng": 0},
    "datasets.sampling.divided": {"X": X, "y": Y, "samples": 2, "seed": 0},
    "datasets.scaling.scale_inputs": {"X": X, "how": "global"},
    "datasets.scaling.standardise": {"X": X},
    # Experiments and figures
    "experiments.batch_losses.alignment": {
        **network_of,
        "batch": (X[:2], Y[:2]),
        "everything": (X, Y),
    },
    "experiments.batch_losses.concave_share": {"losses": [0.0, 1.0, 4.0, 9.0]},
    "experiments.batch_losses.loss_along": {
        "network": NET,
        **labelled,
        "direction": np.ones_like(THETA),
        "positions": [0.0, 0.5],
    },
    "experiments.batch_losses.one_step": {
        **network_of,
        "batch": (X[:1], Y[:1]),
        "others": (X[1:], Y[1:]),
        "rates": [0.1, 0.2],
    },
    "experiments.batch_losses.quadratic_fit": {
        "positions": [0.0, 0.5, 1.0, 1.5],
        "losses": [1.0, 0.5, 0.4, 0.9],
    },
    "experiments.sharpest_directions.track": {
        "network": NET,
        **labelled,
        "learning_rate": 0.1,
        "batch_size": 1,
        "steps": 2,
        "k": 2,
        "every": 1,
        "gamma": 0.1,
        "rest": 1.0,
        "momentum": 0.0,
        "nudged": "velocity",
        "frozen": False,
        "curvature_samples": 2,
        "tolerance": 1e-3,
        "max_products": 100,
        "observe": "sharpness",
        "rng": 0,
    },
    **{
        f"plots.phases.{name}": {
            "x": np.array([1.0, 10.0, 100.0]),
            "y": np.array([0.0, 1.0]),
            "phase": np.array([[1, 2, 3], [1, 1, 3]]),
            "ax": None,
        }
        for name in ("plot_phases", "plot_phase_grid")
    },
    "plots.phases.plot_plane": {
        "x": np.array([1.0, 10.0, 100.0]),
        "y": np.array([0.0, 1.0]),
        "values": np.array([[0.1, 0.5, 1.0], [0.2, 0.4, 2.0]]),
        "ax": None,
    },
    "plots.seeds.plot_seeds": {
        "x": np.array([1.0, 2.0, 4.0]),
        "values": np.array([[1.0, 3.0], [2.0, 2.0], [0.5, 4.0]]),
        "centre": "geometric mean",
        "spread": "band",
        "ax": None,
    },
    "plots.seeds.plot_measured": {
        "x": np.array([1.0, 2.0]),
        "measured": [Measured(0.5, 0.1, 8), Measured(0.25, 0.05, 8)],
        "scale": 100.0,
        "ax": None,
    },
    "plots.seeds.plot_measured_rows": {
        "rows": {"SGD": Measured(0.9, 0.01, 8), "Adam": Measured(0.95, 0.02, 8)},
        "colours": ["black", "red"],
        "ax": None,
    },
    "plots.ends.plot_final_curvature": {
        "c": np.array([1.0, 2.2, 9.0]),
        "final": np.array([1.0, 1.8, 3.0]),
        "phase": np.array([1, 2, 3]),
        "ax": None,
    },
    "plots.ends.plot_attractor": {
        "x": np.array([2.9, 3.3]),
        "visited": np.array([[0.6, 0.5], [0.6, 0.8]]),
        "ax": None,
    },
    # Flows
    "numeric.flows.breakdown.linear_net_breakdown": {
        "eta_lam": [0.1, 1.0],
        "order": 1,
        "output": 0.1,
        "steps": 2,
    },
    "numeric.flows.central_flow.central_flow": {
        "surface": SURFACE,
        "start": np.array([1.0, 0.01]),
        "learning_rate": 1.9,
        "steps": 3,
        "substeps": 2,
        "most_directions": 2,
        "every": 1,
        "progress": lambda n: None,
        "memory_limit": 2.0**32,
    },
    "numeric.flows.complementarity.complementary": {
        "B": np.einsum("ik,jl->ijkl", np.eye(2), np.eye(2)),
        "A": np.diag([-1.0, 1.0]),
    },
    "numeric.flows.convergence.convergence_order": {
        "step_sizes": [0.2, 0.1, 0.05, 0.025],
        "errors": [4.1, 1.02, 0.251, 0.0624],
    },
    "numeric.flows.edge_flow.edge_flow": {
        "surface": SURFACE,
        "start": np.array([1.0, 0.01]),
        "learning_rate": 2.1,
        "steps": 3,
        "substeps": 1,
        "magnitude": 0.01,
        "every": 1,
        "progress": lambda n: None,
        "memory_limit": 2.0**32,
    },
    "numeric.flows.epochs.draws": {"sampling": "shuffled", "batches": 3},
    "numeric.flows.epochs.mean_epoch": {
        "gradients": pull,
        "sequences": np.array([[0, 1], [1, 0]]),
        "then": lambda epoch: epoch(np.array([0.3]), 0.1),
    },
    "numeric.flows.fields.gradient_field": {
        "gradient": lambda w: 2 * w,
        "then": lambda field: field(np.ones(2)),
    },
    "numeric.flows.fields.first_order_field": {
        "gradient": lambda w: 2 * w,
        "hessian_product": lambda w, v: 2 * v,
        "step_size": 0.1,
        "then": lambda field: field(np.ones(2)),
    },
    "numeric.flows.fields.numeric_field": {
        "modified": FIELD,
        "step_size": 0.1,
        "then": lambda field: field(np.ones(2)),
    },
    "numeric.flows.fields.principal_field": {
        "gradient": lambda w: 2 * w,
        "hessian": lambda w: 2 * np.eye(2),
        "step_size": 0.1,
        "then": lambda field: field(np.ones(2)),
    },
    "numeric.flows.flow.require_start": {"start": np.array([1.0, 0.5])},
    "numeric.flows.flow.flow": {
        "field": lambda w: -w,
        "start": np.array([1.0, 0.5]),
        "times": np.array([0.0, 0.1, 0.2]),
        "tolerance": 1e-6,
    },
    "numeric.flows.flow.compare": {
        "step": lambda w: 0.9 * w,
        "fields": {"gradient": lambda w: -w},
        "start": np.array([1.0, 0.5]),
        "duration": 0.1,
        "steps": 2,
    },
    "numeric.flows.recovery.recover_regularizer": {
        "epoch": lambda w, eps: w - eps * pull(w).mean(axis=-2),
        "gradients": pull,
        "hessian_products": np.errstate(all="ignore")(
            lambda w, v: np.stack([(1 - 3 * w**2) * v[0], v[1]])
        ),
        "starts": np.array([[-1.0], [0.3], [0.9], [0.5]]),
        "step_sizes": [0.02, 0.01],
        "epoch_steps": 1,
    },
    "numeric.flows.surface.Surface": {
        "loss": lambda w: w @ w,
        "gradient": lambda w: 2 * w,
        "hessian_product": lambda w, v: 2 * v,
        "sharpness_gradient": lambda w, v: 0 * v,
        "then": lambda surface: surface.third(*np.ones((3, 2))),
    },
    "numeric.flows.surface.Surface.of": {
        "at": lambda w: NET.at(w, X, Y),
        "then": lambda surface: surface.gradient(THETA),
    },
    # The linear network
    "numeric.linear_net.network.LinearNet": {"X": X, "y": Y, "width": 5, "weight_decay": 0.0},
    "numeric.linear_net.network.LinearNet.init": of(
        CLOSURE, rng=0, ensemble=(2,), scale=1.0, memory_limit=2.0**32
    ),
    "numeric.linear_net.network.LinearNet.from_weights": of(
        CLOSURE, U=np.ones((5, 2)), V=np.ones((5, 1))
    ),
    "numeric.linear_net.network.LinearNet.advance": of(CLOSURE, state=STATE, learning_rate=0.1),
    "numeric.linear_net.network.LinearNet.train": of(
        CLOSURE,
        **run_options,
        state=STATE,
        weights=None,
        rng=0,
        compiled=False,
    ),
    "numeric.linear_net.observables.StateObservables": {"X": X, "y": Y, "width": 5},
    **{
        f"numeric.linear_net.observables.StateObservables.{name}": of(CLOSURE, state=STATE)
        for name in (
            "predict",
            "loss",
            "kernel",
            "kernel_spectrum",
            "top_eigenvalue",
            "weight_norm",
            "layer_norms",
            "alignment",
            "hessian_spectrum",
            "sharpness",
        )
    },
    # Maps
    "numeric.maps.attractor.attractor": {
        "rule": linear_net.balanced_map(),
        "state": np.array([0.3]),
        "Y": [0.9, 1.1],
        "transient": 20,
        "steps": 20,
        "longest": 4,
        "tolerance": 1e-8,
        "progress": lambda n: None,
    },
    "numeric.maps.orbits.orbits": {
        "rule": linear_net.balanced_map(),
        "period": 1,
        "near": [[0.5], [1.0]],
        "tolerance": 1e-10,
        "Y": 0.9,
    },
    "numeric.maps.phase_map.phase_map": {
        "rule": linear_net.residual_map(),
        "loss": None,
        "steps": 40,
        "settled": 1e-3,
        "progress": lambda n: None,
        "D": np.array([0.1, 0.2]),
        "Lam": np.array([1.0, 3.0]),
        "Y": 0.0,
    },
    # Minibatch noise
    "numeric.minibatch.moments.propagate": {**noisy, "variance": 0.0},
    "numeric.minibatch.moments.sample": {**noisy, "rng": 0, "ensemble": (3,)},
    "numeric.minibatch.stationary.stationary_variance": {
        "rates": [0.5, 1.0],
        "momentum": 0.0,
        "nesterov": False,
        "batches": None,
        "average": cs.EMA(0.5),
    },
    "numeric.minibatch.stationary.equivalent_rate": {"variance": [0.3, 0.5]},
    # Curvature
    "numeric.random_products.exponents.lyapunov": {"step": COIN},
    "numeric.random_products.exponents.population": {
        "step": COIN,
        "q": 1.0,
        "draws": 5,
        "walkers": 4,
        "repeats": 2,
        "rng": 0,
    },
    "numeric.random_products.exponents.second_moment": {"step": COIN},
    "numeric.random_products.exponents.tail": {"step": COIN},
    "numeric.random_products.exponents.transfer": {"random": COIN, "q": 1.0, "tolerance": 1e-9},
    "numeric.random_products.linear_sgd.linear_sgd": {
        "kernel": np.eye(2),
        "learning_rate": 0.5,
        "batch_size": 1,
        "sampling": "shuffled",
    },
    "numeric.random_products.linear_sgd.threshold": {
        "kernel": np.eye(2),
        "batch_size": 1,
        "growth": "typical",
        "sampling": "replacement",
        "rng": 0,
    },
    "numeric.curvature.directions.alignment": {
        "gradients": np.ones((2, 3)),
        "vectors": np.eye(3)[:, :2],
    },
    "numeric.curvature.directions.cosines": {
        "gradients": np.ones((2, 3)),
        "vectors": np.eye(3)[:, :2],
    },
    "numeric.curvature.directions.nudge": {
        "steps": np.ones((2, 3)),
        "vectors": np.eye(3)[:, :2],
        "gamma": 0.1,
        "rest": 1.0,
    },
    "numeric.curvature.directions.projection": {
        "steps": np.ones((2, 3)),
        "vectors": np.eye(3)[:, :2],
    },
    "numeric.curvature.directions.Escape": {"gamma": 0.1, "rest": 1.0, "frozen": False},
    "numeric.curvature.eigenpairs.top_eigenpairs": {
        "operator": MATRIX,
        "k": 1,
        "size": None,
        "which": "largest",
        "start": None,
        "tolerance": 1e-6,
        "miss_probability": 0.1,
        "bound": 1.0,
        "max_products": 100,
        "basis": None,
        "rng": 0,
    },
    "numeric.curvature.nudged.Nudged": {
        "gamma": 0.1,
        "directions": cs.SharpestDirections(lambda theta: lambda v: v),
        "optimizer": GradientDescent(),
        "rest": 1.0,
        "nudged": "velocity",
    },
    "numeric.curvature.nudged.SharpestDirections": {
        "hessian": lambda theta: lambda v: v,
        "k": 1,
        "every": 1,
        "frozen": False,
        "rng": np.random.default_rng,
    },
    "numeric.curvature.spectrum.spectral_density": {
        "operator": MATRIX,
        "nodes": 5,
        "probes": 2,
        "size": None,
        "rng": 0,
    },
    "numeric.curvature.spectrum.SpectralDensity.moment": of(DENSITY, power=2),
    "numeric.curvature.spectrum.SpectralDensity.density": of(DENSITY, x=[0.0, 1.0], deviation=0.1),
    "numeric.curvature.spectrum.trace": {"operator": MATRIX, "probes": 2, "size": None, "rng": 0},
    "numeric.curvature.stability.largest_stable_rate": {
        "curvature": [1.0, 2.0],
        "momentum": 0.5,
        "nesterov": False,
    },
    "numeric.curvature.step_response.cross_sections": {
        "loss": lambda w: np.sum(w**2, axis=-1),
        "theta": np.ones(3),
        "steps": np.full((2, 3), 0.1),
        "vectors": np.eye(3)[:, :2],
        "multiples": (0.5, 1.0),
    },
    "numeric.curvature.step_response.step_response": {
        "loss": lambda w: np.sum(w**2, axis=-1),
        "theta": np.ones(3),
        "steps": np.full((2, 3), 0.1),
        "vectors": np.eye(3)[:, :2],
        "gradient": np.full(3, 2.0),
        "hessian": 2 * np.eye(3),
        "scales": (0.5, 1.0),
        "rng": 0,
    },
    "numeric.curvature.step_response.valley_widths": {
        "sections": cs.numeric.curvature.step_response.cross_sections(
            lambda w: np.sum(w**2, axis=-1), np.ones(3), np.full((2, 3), 0.1), np.eye(3)[:, :2]
        ),
        "thresholds": (1.01, 1.5),
    },
    # Runs
    "numeric.runs.averages.EMA": {"decay": 0.5},
    "numeric.runs.averages.SWA": {"start": 2},
    "numeric.runs.averages.Window": {"size": 2},
    "numeric.runs.averages.TwoPoint": {"gap": 2},
    "numeric.runs.averages.schedule": {"average": cs.EMA(0.5), "steps": 4},
    "numeric.runs.averages.weights": {"average": cs.EMA(0.5), "steps": 4},
    "numeric.runs.batches.minibatches": {
        "samples": 6,
        "batch_size": 2,
        "steps": 4,
        "sampling": "replacement",
        "rng": 0,
        "ensemble": (2,),
    },
    "numeric.runs.boundary.boundary": {
        "side_at": lambda c: np.where(c > 2, 1, -1),
        "low": 1.0,
        "high": 3.0,
        "members": 2,
        "grid": 4,
        "tolerance": 0.1,
    },
    "numeric.runs.boundary.Boundary.scaled": of(BOUNDARY, unit=2.0),
    "numeric.runs.boundary.centre": {"lower": [1.0, 2.0], "upper": [1.5, 2.5]},
    "numeric.runs.checkpoint.Checkpoint": {"path": "run.npz", "every": 10},
    "numeric.runs.iterate.iterate": {
        "rule": RULE,
        "state": np.array([1.0, 0.5]),
        "eta": [0.1, 0.2],
        "steps": 3,
        "loss": None,
        "observe": {"first": lambda now: now[:, 0]},
        "every": 1,
        "tolerance": 0.0,
        "escape": 1e10,
        "state_ndim": 1,
    },
    "numeric.runs.measured.mean": {"values": [1.0, 2.0], "systematic": 0.1},
    "numeric.runs.measured.jackknife": {"statistic": lambda kept: kept.sum(), "members": 3},
    "numeric.runs.measured.share": {"hits": [True, False]},
    "numeric.runs.measured.ratio": {"numerators": [1.0, 2.0], "denominators": [2.0, 3.0]},
    "numeric.runs.optimizers.HeavyBall": {"momentum": 0.5},
    "numeric.runs.optimizers.Nesterov": {"momentum": [0.5, 0.9]},
    "numeric.runs.optimizers.Regularized": {"optimizer": GradientDescent(), "coefficient": 0.1},
    "numeric.runs.phases.classify": {"run": RUN, "settled": 1e-3},
    "numeric.runs.phases.divergence": {"run": RUN, "settled": 1e-3},
    "numeric.runs.phases.escape": {"run": RUN},
    "numeric.runs.phases.rise": {"run": RUN, "name": "loss"},
    "numeric.runs.trajectory.final": {"run": RUN, "name": "loss"},
    "numeric.runs.trajectory.measured_throughout": {"run": RUN, "name": "loss"},
    "numeric.runs.trajectory.peak": {"run": RUN, "name": "loss"},
    # Networks
    "mlp.activations.leaky_relu": {"leak": 0.1},
    "mlp.kernel.ntk": {"network": NET, **network, "memory_limit": 2.0**32},
    "mlp.kernel.top_eigenpairs": {"network": NET, **network, "k": 1, "tolerance": 1e-6},
    "mlp.kernel.top_eigenvalue": {"network": NET, **network},
    "mlp.dense.Dense": {"width": 10},
    "mlp.convolution.Convolution": {"channels": 2, "size": (3, 2), "stride": 1, "padding": (1, 1)},
    "mlp.pooling.MeanPooling": {"size": (2, 1)},
    "mlp.residual.Residual": {"layers": [cs.Dense(3), "relu"], "scale": 0.5},
    "mlp.network.Network": {
        "inputs": 2,
        "layers": [cs.Dense(3), "tanh", cs.Residual([cs.Dense(3)]), cs.Dense(1)],
        "parametrization": "ntk",
        "biases": False,
        "loss": "squared_error",
        "gain": "he",
        "zero_output": False,
        "weight_decay": 0.0,
        "dtype": np.float64,
    },
    "mlp.network.MLP": {
        "widths": [2, 3, 1],
        "activation": "tanh",
        "parametrization": "ntk",
        "biases": False,
        "loss": "squared_error",
        "gain": "he",
        "zero_output": False,
        "weight_decay": 0.0,
        "dtype": np.float64,
    },
    "mlp.network.Network.init": of(NET, rng=0, ensemble=(2,)),
    "mlp.network.Network.split": of(NET, theta=THETA),
    **{
        f"mlp.network.Network.{name}": of(NET, **labelled, direction=np.ones_like(THETA))
        for name in ("hessian_product", "gauss_newton_product", "sharpness_gradient")
    },
    "mlp.network.Network.jacobian_product": of(NET, **network, direction=np.ones_like(THETA)),
    "mlp.network.Network.transposed_jacobian_product": of(NET, **network, signal=np.ones((3, 1))),
    "mlp.network.Network.input_gradient": of(NET, **network),
    "mlp.network.Network.kernel_product": of(NET, **network, signal=np.ones((3, 1))),
    "mlp.own_model.as_model": {"network": OWN.model, **network},
    "mlp.own_model.OwnModel.predict": of(OWN, **network),
    "mlp.own_model.OwnModel.accuracy": of(OWN, **network, y=np.sign(Y)),
    "mlp.own_model.OwnModel.top_eigenvalue": of(OWN, **labelled),
    **{f"mlp.losses.{name}": pointwise_loss for name in ("cross_entropy", "squared_error")},
    "mlp.losses.fraction_right": pointwise_loss,
    "mlp.losses.softmax": {"outputs": np.ones((3, 2))},
    "mlp.model.Model.at": of(NET, **labelled),
    "mlp.model.Model.along": of(NET, X=X, y=Y),
    "mlp.model.Model.predict": of(NET, **network),
    **{f"mlp.model.Model.{name}": of(NET, **labelled) for name in ("loss", "accuracy", "gradient")},
    "mlp.observers.Observers": {"network": NET, "X": X, "y": Y},
    **{
        f"mlp.observers.Observers.{name}": of(OBSERVERS, theta=THETA[None])
        for name in (
            "loss",
            "accuracy",
            "weight_norm",
            "gradient_norm",
            "active_fraction",
            "top_eigenvalue",
            "sharpness",
            "alignment",
            "gradient_outer_product",
        )
    },
    **{
        f"mlp.point.Point.{name}": of(POINT, direction=np.ones_like(THETA))
        for name in (
            "hessian_product",
            "gauss_newton_product",
            "sharpness_gradient",
            "jacobian_product",
        )
    },
    "mlp.point.Point.transposed_jacobian_product": of(POINT, signal=np.ones((3, 1))),
    "mlp.point.Point.kernel_product": of(POINT, signal=np.ones((3, 1))),
    "mlp.schedules.cosine": {"t": 3, "steps": 10},
    "mlp.schedules.step_decay": {"t": 3, "factor": 0.5, "every": 2},
    "mlp.schedules.warm_up": {"t": 3, "steps": 10},
    "mlp.taylor.TaylorModel": {"network": NET, "theta": THETA, "order": 2},
    "mlp.taylor.TaylorModel.kernel": of(TAYLOR, **network),
    "mlp.taylor.TaylorModel.top_eigenvalue": of(TAYLOR, **network),
    "mlp.taylor.TaylorModel.kernel_terms": of(TAYLOR, **labelled),
    "mlp.training.train": {"network": NET, **labelled, **run_options},
    # Studies
    "studies.Study.boundary": of(STUDY, unit="c", tolerance=0.5),
    "studies.Study.plot": of(STUDY, name="peak"),
    "studies.Study.values": of(STUDY, name="peak"),
    "studies.study": {
        "model": OWN.model,
        "X": X,
        "y": Y,
        "c": [1.0, 2.0],
        "steps": 3,
        "theta": THETA,
        "members": 1,
        "seed": 0,
        "held_out": (X, np.sign(Y)),
        "optimizer": GradientDescent(),
        "batch_size": 2,
        "executor": None,
        "progress": lambda n: None,
    },
    # Symbolic
    "symbolic.backward_error.modified_equation.modified_equation": {
        "order": 1,
        "sampling": "shuffled",
        "batches": 3,
        "momentum": 0,
        "nesterov": False,
    },
    "symbolic.backward_error.modified_field.modified_field": {
        "losses": [x**2 * y, y**2],
        "state": [x, y],
        "step_size": h,
        "order": 1,
        "sampling": "shuffled",
        "momentum": 0,
        "nesterov": False,
    },
    "symbolic.backward_error.modified_field.modified_loss": {
        "losses": [x**2 * y, y**2],
        "state": [x, y],
        "step_size": h,
        "order": 1,
        "sampling": "shuffled",
    },
    "symbolic.backward_error.field.ModifiedField.truncate": of(FIELD, order=1),
    "symbolic.update.Update.descent": {
        "loss": (x * y - 1) ** 2 / 2,
        "state": [x, y],
        "optimizer": GradientDescent(),
    },
    "symbolic.update.Update.substituted": of(RULE, values={x: sp.Symbol("w")}),
    "symbolic.update.Update.numpy_quantity": of(RULE, quantity=x + y),
    "symbolic.update.Update.javascript": of(RULE, module=True, in_place=False),
    "symbolic.update.Update.mathml": of(RULE, ids=True),
    "symbolic.linear_net.gram.closure": {"inputs": 1, "outputs": 1},
    "symbolic.linear_net.gram.function_space": {"samples": 2},
    "symbolic.linear_net.hessian.hessian_eigenvalues": {"label": 1},
    "symbolic.linear_net.sample.sample_map": {"label": 1},
    "symbolic.loss_text.parse_loss": {"text": "(u*v)**2"},
    "symbolic.minibatch.growth.moment_factor": {"power": 2},
    "symbolic.minibatch.moments.averaged_step": {"rule": symbolic.minibatch.step()},
    "symbolic.minibatch.moments.moments": {"rule": symbolic.minibatch.step()},
    "symbolic.minibatch.moments.stationary": {"rule": symbolic.minibatch.sgd_moments()},
    "symbolic.minibatch.moments.step": {"momentum": 0, "nesterov": False},
    "symbolic.minibatch.rates.best_schedule": {"start": sp.Rational(1, 2), "steps": 3},
    "symbolic.minibatch.rates.equivalent_rate": {"variance": sp.Rational(1, 2)},
    "symbolic.orbits.exact_orbits": {"rule": linear_net.balanced_map(), "period": 1},
    "symbolic.printed.derive": {"name": "sample-map", "form": "text"},
    "symbolic.printed.derivation_steps": {"name": "closure", "inputs": 2, "outputs": 1},
    # Sweeps
    "sweeps.cell.cell": {"version": 1, "batch_key": None, "batched": None, "batch_size": 1},
    "sweeps.record.read_record": {"path": "nowhere.jsonl"},
    "sweeps.refinement.refine": {
        "phases_at": lambda places: (places.sum(axis=-1) > 9).astype(np.int8),
        "shape": (9, 9),
        "levels": 2,
        "progress": None,
    },
    "sweeps.sweep.sweep": {
        "cell": halve,
        "cells": [{"x": 1.0}, {"x": 2.0}],
        "executor": None,
        "record": None,
        "progress": lambda n: None,
        "group": 1,
        "window": 2,
    },
    "sweeps.refinement.paint": {"phases": np.zeros((9, 9), np.int8), "levels": 2},
    "sweeps.workers.process_pool": {"workers": 1},
}
