"""What is measured along a run, and at which steps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.observers import QUANTITIES, Observers
from catapult_sim.mlp.taylor import TaylorModel
from catapult_sim.mlp.training import train
from catapult_sim.numeric.linear_net import LinearNet, observables
from catapult_sim.numeric.runs.batches import minibatches
from catapult_sim.numeric.runs.checkpoint import Checkpoint
from catapult_sim.numeric.runs.iterate import iterate
from catapult_sim.numeric.runs.trajectory import require_every
from catapult_sim.validation import InputError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 4)), RNG.choice([-1.0, 1.0], size=(6, 1))
NET, CLOSURE = MLP([4, 5, 1]), LinearNet(X, Y, width=50)
THETA, STATE = NET.init(rng=0), CLOSURE.init(rng=0)
BATCHES = minibatches(6, 2, steps=9, rng=0)

periods = some.integers(1, 50)
lists = some.lists(some.integers(0, 40), min_size=1)


def trained(**options):
    return train(NET, THETA, X, Y, **{"learning_rate": 0.1, "steps": 23} | options)


def closed(**options):
    return CLOSURE.train(state=STATE, **{"learning_rate": 0.1, "steps": 23} | options)


def iterated(**options):
    options = {"loss": lambda x: x[:, 0] ** 2, "steps": 23} | options
    return iterate(lambda x: 0.9 * x, [[1.0]], **options)


RUNS = {
    "networks": trained,
    "with batches": lambda **options: trained(batches=BATCHES, **options),
    "the closure": closed,
    "a step": iterated,
}


@given(every=periods | lists, t=some.integers(-1, 60))
def test_steps_follow_each_other(every, t):
    chosen = set(range(0, 200, every)) if isinstance(every, int) else set(every)
    steps = require_every(every)
    assert [step in steps for step in range(60)] == [step in chosen for step in range(60)]
    assert steps.next_after(t) == min((step for step in chosen if step > t), default=np.inf)


@pytest.mark.parametrize("name", RUNS)
@settings(max_examples=25, deadline=None)
@given(every=periods | lists, container=some.sampled_from([list, tuple, np.array]))
def test_quantities_are_measured_at_the_steps_asked_for_and_change_nothing(name, every, container):
    asked = every if isinstance(every, int) else container(every)
    run = RUNS[name](every=asked, observe={"x": lambda state: state.sum(axis=-1)})
    steps = range(0, 24, every) if isinstance(every, int) else every
    measured = np.isfinite(run.values["x"]).reshape(24, -1)[:, 0]
    np.testing.assert_array_equal(measured, np.isin(np.arange(24), steps))
    assert run.state.tobytes() == RUNS[name]().state.tobytes()


@given(every=periods | lists)
@settings(max_examples=25, deadline=None)
def test_with_batches_losses_are_recorded_at_these_steps(every):
    run, whole = (trained(batches=BATCHES, every=one) for one in (every, 1))
    steps = [*(range(0, 24, every) if isinstance(every, int) else every), 0, 23]
    measured = np.isin(np.arange(24), steps)
    np.testing.assert_array_equal(
        run.values["loss"], np.where(measured, whole.values["loss"], np.nan)
    )


def test_a_list_survives_a_checkpoint(tmp_path):
    options = {"every": [2, 3, 17, 40], "batches": BATCHES, "observe": "sharpness"}
    kept = Checkpoint(tmp_path / "run.npz", every=2)
    first = trained(**options | {"steps": 17}, checkpoint=kept)
    assert first.step[-1] == 17
    resumed, whole = trained(**options, checkpoint=kept), trained(**options)
    for name, values in whole.values.items():
        np.testing.assert_array_equal(resumed.values[name], values)
    assert resumed.state.tobytes() == whole.state.tobytes()
    assert resumed.least_peak == whole.least_peak
    with pytest.raises(InputError, match="is of another every"):
        trained(**options | {"every": [2, 3, 17]}, checkpoint=kept)


@pytest.mark.parametrize("every", [0, -1, 2.0, True, [], [1.5], [-1], [[1]], "5", None, ["a"]])
@pytest.mark.parametrize("name", RUNS)
def test_other_steps_are_refused(name, every):
    with pytest.raises(InputError, match=r"every must be (an integer|a period)"):
        RUNS[name](every=every)


# By name ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUANTITIES)
def test_observers_of_networks_have_names(name):
    see = Observers(NET, X, Y)
    by_name = trained(observe=name, every=10)
    by_function = trained(observe={name: getattr(see, name)}, every=10)
    np.testing.assert_array_equal(by_name.values[name], by_function.values[name])


@pytest.mark.parametrize("name", observables.QUANTITIES)
def test_observables_of_the_closure_have_names(name):
    by_name = closed(observe=[name], every=10)
    by_function = closed(observe={name: getattr(CLOSURE, name)}, every=10)
    np.testing.assert_array_equal(by_name.values[name], by_function.values[name])


def test_several_names_and_the_loss_which_is_recorded_anyway():
    found = trained(observe=("loss", "weight_norm", "accuracy"), every=[0, 4])
    assert list(found.values) == ["loss", "weight_norm", "accuracy"]
    assert np.isfinite(found.values["loss"]).all()
    model = TaylorModel(NET, THETA)
    found = train(model, THETA, X, Y, learning_rate=0.1, steps=2, observe="sharpness")
    assert np.isfinite(found.values["sharpness"]).all()


@pytest.mark.parametrize("run", [trained, closed])
def test_unknown_names_are_refused(run):
    with pytest.raises(InputError, match=r"observe must name some of .*; got 'sharpnes'"):
        run(observe="sharpnes")
    with pytest.raises(InputError, match="observe must map names to functions"):
        run(observe=["sharpness", 3])


@pytest.mark.parametrize("run", [trained, closed, iterated])
def test_no_observer_takes_the_name_of_the_loss(run):
    with pytest.raises(InputError, match="must not hold the name loss"):
        run(observe={"loss": lambda state: state[..., 0]})


def test_what_was_never_measured_is_nan():
    found = trained(observe={"x": lambda theta: theta[:, :3]}, every=[30])
    assert found.values["x"].shape == (24, 3)
    assert np.isnan(found.values["x"]).all()
