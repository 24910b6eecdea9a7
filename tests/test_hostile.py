"""Every public function answers, or refuses what it is given in one sentence.

Each argument of a valid call is replaced by values of other kinds, sizes and signs. The call then
returns, or raises InputError; it never warns, hangs, raises from inside or changes an argument.
By default a sample of the calls is tried, with ``HOSTILE=all`` in the environment all of them.
"""

import dataclasses
import enum
import inspect
import os
import signal
import types
import warnings
from fnmatch import fnmatch

import numpy as np
import pytest

import catapult_sim as cs
from catapult_sim.validation import InputError
from tests.valid_calls import CALLS

SECONDS, SAMPLED = 20, 700
NOWHERE = ("nowhere", "nowhere.csv", "nowhere.jsonl")

# What takes only arguments that another function has checked, makes cells of claims, or is for
# those who add a layer, an optimiser, an average, a derivation or a voice.
MACHINERY = (
    "claims.*",
    "experiments.be*",
    "experiments.bo*",
    "experiments.[acfnop]*",
    "experiments.scan_rows.*",
    "experiments.study_cells.*",
    "datasets.dataset.Dataset",
    "plots.[bcrtv]*",
    "plots.phases.phase_grid",
    "plots.scans.*",
    "page.document.write",
    "mlp.activations.Activation.*",
    "mlp.dense.Affine*",
    "mlp.residual.Skip*",
    "mlp.pooling.BlockMean*",
    "mlp.convolution.CrossCorrelation*",
    "mlp.bilinear.*",
    "mlp.parametrization.*",
    "mlp.plans.*",
    "mlp.*.build",
    "mlp.*.gains",
    "mlp.activations.Scale*",
    "mlp.activations.Pointwise*",
    "mlp.activations.require_activation",
    "mlp.training.Descent*",
    "mlp.kernel.*_bytes",
    "mlp.network.Network.forward",
    "mlp.network.Network.passes",
    "mlp.layers.*",
    "mlp.losses.*Hessian*",
    "mlp.losses.fraction_right_or_nan",
    "sweeps.encoding.*",
    "sweeps.identity.*",
    "numeric.random_products.*.[LR]*",
    "numeric.scale.*",
    "mlp.losses.*_third",
    "mlp.losses.of_outputs",
    "mlp.losses.require_probabilities",
    "mlp.model.Model",
    "mlp.model.Model.require_*",
    "mlp.model.Model.loss_*",
    "mlp.own_model.OwnModel",
    "mlp.own_model.OwnModel.require_*",
    "mlp.own_model.OwnModel.kernel_product",
    "mlp.own_model.OwnModel.outputs_at",
    "mlp.consistency.*",
    "mlp.convolution.Frame",
    "mlp.own_model.OwnPlace*",
    "mlp.own_model.Plugged*",
    "mlp.own_model.require_model",
    "mlp.passes.*",
    "mlp.point.Place*",
    "mlp.point.Point",
    "mlp.point.Point.gradient",
    "mlp.point.of_diverged_too",
    "mlp.point.require_parameters",
    "mlp.taylor.TaylorPoint*",
    "mlp.taylor.TaylorExpansion*",
    "mlp.taylor.Rows",
    "mlp.taylor.row_products",
    "*.point",
    "*.move",
    "numeric.curvature.eigenpairs.largest_eigenvalue",
    "numeric.curvature.krylov.*",
    "numeric.curvature.nudged.Nudged.*",
    "numeric.curvature.operators.*",
    "numeric.flows.complementarity.Complementary",
    "numeric.flows.surface.Place*",
    "numeric.flows.surface.Surface.[!o]*",
    "numeric.linear_net.column_sets.*",
    "numeric.linear_net.data.*",
    "numeric.linear_net.gradient_descent.*",
    "numeric.linear_net.hessian.*",
    "numeric.linear_net.observables.of_states",
    "numeric.linear_net.observables.StateObservables.require_state",
    "numeric.linear_net.on_*",
    "numeric.linear_net.wishart.*",
    "numeric.maps.phase_map_*",
    "numeric.maps.phase_rules.*",
    "numeric.minibatch.process.*",
    "numeric.runs.averages.*.*",
    "numeric.runs.averages.Lagged",
    "numeric.runs.averages.Recurrent",
    "numeric.runs.averages.require_average",
    "numeric.runs.batches.re*",
    "numeric.runs.trajectory.Steps.*",
    "numeric.runs.trajectory.require_*",
    "numeric.random_products.*.[LR]*",
    "numeric.scale.*",
    "numeric.runs.blas_threads.*",
    "numeric.runs.boundary.known_ends",
    "numeric.runs.boundary.refined",
    "numeric.runs.checkpoint.[a-z]*",
    "numeric.runs.iterate.[bpr]*",
    "numeric.runs.optimizers.*.*",
    "numeric.runs.optimizers.[a-z]*",
    "numeric.runs.optimizers.[LOW]*",
    "numeric.runs.rule.*",
    "numeric.runs.strides.*",
    "sweeps.cell.[A-Z]*",
    "sweeps.cell.[d-z]*",
    "sweeps.cell.compute",
    "sweeps.dependencies.*",
    "sweeps.own_modules.*",
    "sweeps.record.[A-Z]*",
    "sweeps.record.[elos]*",
    "sweeps.refinement.require_levels",
    "sweeps.refinement.Refined.to_frame",
    "symbolic.catalogue.*",
    "symbolic.backward_error.field.ModifiedField.text",
    "symbolic.expressions.*",
    "symbolic.orbits.orbit_through",
    "symbolic.reality.*",
    "symbolic.steps.*",
    "symbolic.update.Update",
    "symbolic.update.slope",
    "symbolic.voices.*",
)


def public_callables(package=cs):
    """Yield functions, classes and methods that take arguments, by their path in the package."""
    listed = getattr(package, "__all__", None)
    for name in listed or [name for name in vars(package) if not name.startswith("_")]:
        value = getattr(package, name)
        if isinstance(value, types.ModuleType):
            if value.__name__.startswith(package.__name__ + "."):
                yield from public_callables(value)
        elif callable(value) and getattr(value, "__module__", "").startswith(
            package.__name__ if listed is None else "catapult_sim."
        ):
            yield from with_methods(value)


def with_methods(value):
    path = f"{value.__module__}.{value.__qualname__}".removeprefix("catapult_sim.")
    if not isinstance(value, type):
        if inspect.signature(value).parameters:
            yield path, value
        return
    if issubclass(value, enum.Enum | Exception | np.ndarray):
        return
    # The classes of results store what they are given.
    if not (dataclasses.is_dataclass(value) and not hasattr(value, "__post_init__")):
        yield path, value
    for name, member in vars(value).items():
        function = getattr(value, name)
        if not name.startswith("_") and callable(function):
            least = 0 if isinstance(member, classmethod | staticmethod) else 1
            if len(inspect.signature(function).parameters) > least:
                yield f"{path}.{name}", function


PUBLIC = {
    path: value
    for path, value in sorted(dict(public_callables()).items())
    if not any(fnmatch(path, pattern) for pattern in MACHINERY)
}


class Stranger:
    """An object of no meaning here."""

    def __init__(self, *_):
        pass


class Unreadable:
    """An object that NumPy cannot read, as a tensor that requires gradients."""

    def __array__(self, *_, **__):
        raise RuntimeError("call detach first")


class NoFloat:
    """An object that is asked for its number in vain."""

    def __float__(self):
        raise ZeroDivisionError


def hostile_values(valid):
    """Return values to put in the place of a valid one, by name."""
    found = {
        "None": None,
        "nan": np.nan,
        "inf": np.inf,
        "minus one": -1,
        "zero": 0,
        "half": 0.5,
        "1e9": 10**9,
        "2^63": 2**63,
        "10^400": 10**400,
        "a time": np.timedelta64(3, "s"),
        "no array": Unreadable(),
        "no float": NoFloat(),
        "true": True,
        "masked number": np.ma.array(1.0, mask=True),
        "a field": np.zeros(2, dtype=[("a", float)]),
        "text": "ab",
        "bytes": b"",
        "complex": 1j,
        "empty": [],
        "nested": [[]],
        "ragged": [[1], [1, 2]],
        "objects": np.array([None, "a"], dtype=object),
        "masked": np.ma.array([1.0, 2.0], mask=[True, False]),
        "dates": np.array(["2020-01-01", "NaT"], dtype="datetime64[s]"),
        "texts": np.array(["1", "2"]),
        "three axes": np.ones((2, 3, 5)),
        "with nan": np.array([1.0, np.nan]),
        "function": lambda *arguments: None,
        "dict": {"a": 1},
        "set": {1, 2},
        "shape": (-1,),
        "no member": (0,),
        "many": (10**9,),
        "state": np.random.RandomState(0),
        "stranger": Stranger(),
        "class": Stranger,
    }
    if isinstance(valid, np.ndarray):
        frozen = valid.copy()
        frozen.setflags(write=False)
        found |= {
            "read only": frozen,
            "strided": np.repeat(valid, 2, axis=-1)[..., ::2],
            "integers": valid.astype(int),
            "complex numbers": valid.astype(complex),
            "booleans": valid > 0,
            "single": valid.astype(np.float32) if valid.dtype.kind == "f" else valid,
            "as a list": valid.tolist(),
            "one axis more": np.stack([valid, valid]),
            "huge": valid * 1e18,
            "giant": valid * 1e300 if valid.dtype.kind == "f" else valid,
            "all nan": np.full(valid.shape, np.nan),
        }
    return found


def fresh(value):
    """Return a copy of arrays and containers, other objects as they are."""
    if isinstance(value, np.ndarray):
        return value.copy() if value.flags.writeable else value
    if isinstance(value, list):
        return [fresh(one) for one in value]
    return {name: fresh(one) for name, one in value.items()} if isinstance(value, dict) else value


def same(one, other):
    if isinstance(one, np.ndarray):
        return one.tobytes() == other.tobytes()
    return one is other or repr(one) == repr(other)


def outcome(function, arguments):
    """Return what is wrong with a call, or None."""
    given = fresh(arguments)
    then, own = given.pop("then", None), given.pop("self", None)
    positional = [] if own is None else [own]
    before = fresh(given)

    def stop(*_):
        raise TimeoutError

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = function(*positional, **given)
            if then is not None:
                then(found)
    except InputError as refusal:
        text = str(refusal)
        if "\n" in text or not text:
            return f"refusal of several lines: {text!r}"
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:100]}"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
    changed = [name for name in before if not same(before[name], given[name])]
    return f"changed {', '.join(changed)}" if changed else None


def hostile_calls():
    return [
        (path, argument, kind)
        for path in PUBLIC
        for argument in CALLS.get(path, {})
        if argument not in ("self", "then")
        for kind in hostile_values(CALLS[path][argument])
    ]


def chosen_calls():
    everything = hostile_calls()
    if os.environ.get("HOSTILE") == "all":
        return everything
    places = np.random.default_rng(0).choice(len(everything), SAMPLED, replace=False)
    return [everything[place] for place in sorted(places)]


def test_every_public_callable_has_a_valid_call():
    assert set(PUBLIC) == set(CALLS)


def test_every_function_of_the_top_level_is_tried():
    functions = {name for name in cs.__all__ if isinstance(getattr(cs, name), types.FunctionType)}
    assert functions <= {path.rpartition(".")[2] for path in PUBLIC}


@pytest.mark.parametrize("path", sorted(set(PUBLIC) & set(CALLS)))
def test_valid_calls_are_answered(path):
    if not any(value in NOWHERE for value in CALLS[path].values() if isinstance(value, str)):
        assert outcome(PUBLIC[path], CALLS[path]) is None


def test_hostile_values_are_answered_or_refused_in_one_sentence():
    wrong = []
    for path, argument, kind in chosen_calls():
        arguments = {**CALLS[path], argument: hostile_values(CALLS[path][argument])[kind]}
        if found := outcome(PUBLIC[path], arguments):
            wrong.append(f"{path}({argument}={kind}): {found}")
    assert not wrong, "\n".join([f"{len(wrong)} calls", *wrong])
