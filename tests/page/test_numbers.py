"""The page's numbers are those of the package: rules, runs, phases, the network, its Python."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest

import catapult_sim as cs
from catapult_sim.page import rules
from tests.page.javascript import answers, needs_node

pytestmark = needs_node
EXACT = 1e-12

UPDATES = rules.updates()


def camel(name):
    first, *rest = name.split("-")
    return first + "".join(word.capitalize() for word in rest)


@pytest.mark.parametrize("name", UPDATES)
def test_every_rule_of_the_page_is_the_numpy_voice(name, modules):
    rule, rng = UPDATES[name], np.random.default_rng(1)
    states = rng.uniform(0.2, 2, (200, len(rule.state)))
    parameters = rng.uniform(0.2, 2, (200, len(rule.parameters)))
    script = f"""
      import {{ {camel(name)} as step }} from "./rules.js";
      const answer = (data) => data.map(([state, parameters]) => step(state, ...parameters));
    """
    given = list(zip(states.tolist(), parameters.tolist(), strict=True))
    expected = rule.numpy()(states, *parameters.T)
    size = abs(expected) + abs(states).max(axis=1, keepdims=True)
    assert (abs(answers(modules, script, given) - expected) <= EXACT * size).all()


def random_starts(count, seed=0):
    """Return runs of the one-sample network, lazy, catapult and divergent ones, half with label."""
    rng = np.random.default_rng(seed)
    for k in range(count):
        n = 10 ** rng.uniform(2, 12)
        label = k % 2 * rng.uniform(-3, 3)
        yield {"c": rng.uniform(0.1, 4.3), "n": n, "y": label, "f": rng.uniform(0.1, 3)}


def test_every_step_of_a_run_is_that_of_the_rule(modules):
    # Step by step: over a whole run, dust enlarges any rounding.
    script = """
      import { sampleRun } from "./run.js";
      const answer = (starts) => starts.map((one) => sampleRun(one, 60).states);
    """
    starts = list(random_starts(200))
    rule = cs.symbolic.linear_net.sample_map(label=cs.symbolic.linear_net.y)
    for start, found in zip(starts, answers(modules, script, starts), strict=True):
        states = np.array(found)
        assert states[0].tolist() == [start["f"], 2.0]
        eta, n, y = start["c"] / 2, start["n"], start["y"]
        expected = rule.numpy()(states[:-1], eta, n, y)
        f, lam = abs(states[:-1].T)
        r = abs(states[:-1, 0] - y)
        output = r * (eta**2 * f * r / n + eta * lam + 1) + abs(y)
        size = np.stack([output, eta * r * (eta * lam * r + 4 * f) / n + lam], axis=1)
        known = np.isfinite(expected).all(axis=1)
        assert (abs(states[1:] - expected) <= EXACT * size)[known].all(), start


def test_phases_and_final_curvatures_are_those_of_phase_map(modules):
    starts = list(random_starts(400, seed=1))
    script = """
      import { ending } from "./run.js";
      const answer = (starts) => starts.map((one) => {
        const { phase, curvature, peakLoss } = ending(one);
        return [phase, curvature, peakLoss];
      });
    """
    phase, curvature, peak = np.array(answers(modules, script, starts)).T
    c, n, y, f = (np.array([one[name] for one in starts]) for name in "cnyf")
    unit = c / 2 / np.sqrt(n)
    rule = cs.symbolic.linear_net.residual_map()
    found = cs.phase_map(rule, D=unit * (f - y), Lam=c, Y=unit * y, steps=100_000, settled=1e-6)
    decided = found.phase != cs.Phase.UNDECIDED
    assert decided.mean() > 0.97
    assert set(phase[decided]) == {1, 2, 3}
    assert (phase == found.phase)[decided].all()
    ends = decided & (phase != 3)
    assert abs(curvature[ends] - found.state["Lam"][ends]).max() < 1e-3
    ratio = peak[ends] / (found.peak_loss / unit**2)[ends]
    assert abs(ratio - 1).max() < 1e-9


def test_a_flat_end_is_decided_where_a_horizon_of_steps_would_leave_it_open(modules):
    # Close to zero curvature nothing moves any more: only a region that traps tells the phase.
    c = np.linspace(3, 3.9, 2000)
    starts = [{"c": one, "n": 1e6, "y": 0.0, "f": 1.0} for one in c]
    rule, unit = cs.symbolic.linear_net.residual_map(), c / 2 / 1e3
    waited = cs.phase_map(rule, D=unit, Lam=c, Y=0, steps=600).phase
    script = """
      import { ending } from "./run.js";
      const answer = (starts) => starts.map((one) => ending(one).phase);
    """
    assert (waited == cs.Phase.UNDECIDED).any()
    assert set(answers(modules, script, starts)) == {2}


def test_heavy_ball_in_two_factors_is_the_network_of_any_width(modules):
    script = """
      import { factors, ofFactors } from "./map.js";
      import { heavyBall } from "./rules.js";
      const answer = (cases) => cases.map(({ n, f, eta, beta }) => {
        const state = [...factors(n, f), 0, 0];
        return Array.from({ length: 25 }, (_, t) => {
          if (t) heavyBall(state, eta, beta, n, 0);
          return ofFactors(state, n);
        });
      });
    """
    rng = np.random.default_rng(2)
    cases = [
        {"n": 40, "f": f, "eta": eta, "beta": beta}
        for f, eta, beta in rng.uniform([0.1, 0.2, 0], [2, 1.6, 0.9], (50, 3)).tolist()
    ]
    for case, found in zip(cases, answers(modules, script, cases), strict=True):
        n = case["n"]
        u, v = rng.normal(size=(2, n))
        # Weights of output f and curvature 2, whatever their direction.
        v -= u * (u @ v) / (u @ u)
        p, q = np.sqrt(n + n**0.5 * case["f"]), np.sqrt(n - n**0.5 * case["f"])
        plus, minus = p * u / np.linalg.norm(u), q * v / np.linalg.norm(v)
        u, v = (plus + minus) / 2**0.5, (plus - minus) / 2**0.5
        velocity = np.zeros((2, n))
        for output, curvature in found:
            f, lam = u @ v / n**0.5, (u @ u + v @ v) / n
            assert abs(output - f) <= EXACT * 1e3 * max(1, abs(f))
            assert abs(curvature - lam) <= EXACT * 1e3 * max(1, lam)
            gradient = f * np.array([v, u]) / n**0.5
            velocity = case["beta"] * velocity - case["eta"] * gradient
            u, v = u + velocity[0], v + velocity[1]


def page_data():
    X, y = cs.datasets.subset(*cs.datasets.digits(inputs="global"), 256, rng=0)
    return X, y


def page_theta(size, seed):
    u = [seed * pow(48271, k, 2**31 - 1) % (2**31 - 1) for k in range(1, 2 * size + 1)]
    u = np.array(u).reshape(2, -1) / (2**31 - 1)
    return np.sqrt(-2 * np.log(u[0])) * np.cos(2 * np.pi * u[1])


@pytest.mark.parametrize("activation", ["relu", "tanh", "linear"])
def test_the_network_of_the_page_is_the_mlp(activation, modules):
    from catapult_sim.page.document import digits

    script = """
      import { forward, gradient, kernel, network, topEigenvalue } from "./network.js";
      const answer = (data) => {
        const model = network(data);
        const passed = forward(model, model.data.X);
        const { theta, eta } = model;
        const top = topEigenvalue(kernel(model, passed), model, 1e-15, 5000);
        const slope = gradient(model, model.data, passed);
        return { theta, eta, top, slope, X: model.data.X, heldX: model.data.heldX,
                 y: model.data.y, heldY: model.data.heldY, f: passed.f };
      };
    """
    asked = {"digits": digits(), "activation": activation, "seed": 3, "c": 2.5}
    found = {name: np.array(value) for name, value in answers(modules, script, asked).items()}
    X, y = page_data()
    net = cs.MLP([64, 128, 1], activation=activation)
    theta = page_theta(net.size, 3)
    assert abs(found["theta"] - theta).max() <= EXACT
    assert abs(np.r_[found["X"], found["heldX"]] - X.ravel()).max() <= EXACT
    assert (np.r_[found["y"], found["heldY"]] == y).all()
    assert abs(found["f"] - net.predict(theta, X[:64])[:, 0]).max() <= EXACT
    assert abs(found["slope"] - net.gradient(theta, X[:64], y[:64])).max() <= EXACT
    top = cs.Observers(net, X[:64], y[:64]).top_eigenvalue(theta)
    assert abs(found["top"] - top) <= EXACT * top
    assert abs(found["eta"] * top - 2.5) <= 10 * EXACT


VALUES = {
    "1": [{"eta": 1.6}, {"eta": 0.3, "lam": 2.5, "w": -1.2}, {"eta": 2.5}],
    "2": [{}, {"c": 1.2, "u": 0.7, "v": -1.1}, {"c": 4.4}],
    "3": [{}, {"c": 2.3, "n": 1e4}, {"c": 3.7, "y": -2.0, "n": 1e3}, {"c": 0.8, "f": 0.3}],
    "4": [{}, {"n": float("inf")}, {"n": 4.0, "c": 2.2}],
    "5": [{}, {"c": 2.2, "n": 1e9}],
    "7a": [{}, {"Y": 0.3, "F": 0.5, "Lam": 2.5}],
    "7b": [{}, {"beta": 0.0, "c": 2.6}, {"beta": 0.9, "c": 3.0, "n": 1e4}],
    "7c": [{}, {"eps": 0.2, "delta": 0.3}],
    "7d": [{}, {"a": 1.2, "gamma": 0.5}],
}


@pytest.mark.parametrize("scene", VALUES)
def test_the_lines_of_python_give_the_run_on_the_screen(scene, modules):
    script = """
      import { SCENES } from "./scenes.js";
      const numbers = (run) => run.loss ?? (run.sgd?.length ? run.sgd.slice(1) : run.states);
      const answer = ({ scene, values }) => values.map((given) => {
        const one = SCENES.find(({ id }) => id === scene);
        const all = { ...one.start, ...given };
        const run = one.run(all);
        return { python: one.python(all, run), numbers: numbers(run), values: all };
      });
    """
    found = answers(modules, script, {"scene": scene, "values": VALUES[scene]})
    for one in found:
        names = {}
        with contextlib.redirect_stdout(io.StringIO()):
            exec(one["python"], names)
        numbers = np.array(one["numbers"], float)
        if scene == "7c":
            expected = np.array(names["states"])
        elif scene == "7d":
            expected = names["run"].values["moments"]
        else:
            expected = names["run"].values["loss"]
            numbers = numbers if numbers.ndim == 1 else loss_of(scene, one["values"], numbers)
        assert len(numbers) == len(expected)
        known = np.isfinite(expected) & (expected < 1e12)
        allowed = 1e-9 * abs(expected) + 1e-15 * abs(expected[known]).max()
        assert (abs(numbers - expected)[known] <= allowed[known]).all(), one["python"]


def loss_of(scene, values, states):
    """The loss of each state, as the scene states it."""
    first, *others = states.T
    if scene == "1":
        return values["lam"] * first**2 / 2
    return (first * others[0]) ** 2 / 2 if scene == "2" else first**2 / 2


def test_the_lines_of_python_train_the_network_on_the_screen(modules):
    from catapult_sim.page.document import digits

    script = """
      import { network, trainingStep } from "./network.js";
      import { realNetwork } from "./scenes/real_network.js";
      const answer = (data) => {
        const model = network(data);
        const rows = Array.from({ length: 21 }, () => trainingStep(model));
        return { rows, python: realNetwork.python(data, { steps: 20 }) };
      };
    """
    asked = {"digits": digits(), "activation": "relu", "seed": 2, "c": 3.0}
    found = answers(modules, script, asked)
    names = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(found["python"], names)
    values = names["run"].values
    for name in ("loss", "curvature"):
        numbers = np.array([row[name] for row in found["rows"]])
        assert abs(numbers / values[name] - 1).max() < 1e-10
    net, X, y = names["net"], names["X"], names["y"]
    right = np.sign(net.predict(names["theta"], X[64:])[:, 0]) == y[64:]
    assert abs(found["rows"][0]["accuracy"] - right.mean()) < EXACT


def test_flows_follow_the_modified_field(modules):
    import sympy as sp

    script = """
      import { batchesScene } from "./scenes/batches.js";
      const answer = (all) => all.map((one) => batchesScene.run(one))
        .map(({ sgd, gradient, modified }) => ({ sgd, gradient, modified }));
    """
    u, v, eps = sp.symbols("u v eps", positive=True)
    cases = [{"eps": 0.05, "delta": 0.6}, {"eps": 0.02, "delta": 1.0}]
    for case, found in zip(cases, answers(modules, script, cases), strict=True):
        d, h = case["delta"], case["eps"]
        batches = (u * v - 1 - d) ** 2 / 2, (u * v - 1 + d) ** 2 / 2
        loss = cs.modified_loss(batches, [u, v], eps).subs(eps, h)
        field = sp.lambdify([u, v], [-sp.diff(loss, u), -sp.diff(loss, v)])
        from scipy.integrate import solve_ivp

        ends = solve_ivp(
            lambda _, w, field=field: field(*w),
            (0, 2 * h * 400),
            [2.6, 0.3],
            rtol=1e-10,
            atol=1e-12,
        ).y[:, -1]
        assert abs(np.array(found["modified"][-1]) - ends).max() < 1e-5
        final = {name: np.array(found[name][-1]) for name in found}
        near, far = (np.linalg.norm(final["sgd"] - final[k]) for k in ("modified", "gradient"))
        assert near < far / 2


def six_samples():
    angles, lengths = np.pi * np.arange(6) / 6 + 0.1, np.linspace(0.5, 1.5, 6)
    return lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def lehmer(first, count):
    return np.array([pow(48271, k, 2**31 - 1) for k in range(first, first + count)])


def test_the_random_numbers_of_the_page_are_lehmers(modules):
    script = """
      import { ahead, following, uniform } from "./lehmer.js";
      const answer = (all) => all.map((k) => [ahead(k), following(ahead(k)), uniform(ahead(k))]);
    """
    places = [0, 1, 2, 300, 12345678, 299_999_700, 2**31 - 3, 2**31 - 2]
    for k, found in zip(places, answers(modules, script, places), strict=True):
        assert found == [*lehmer(k, 2), lehmer(k, 1)[0] / (2**31 - 1)]


@pytest.mark.parametrize("n", [100, 10**5, 10**8])
def test_what_the_scene_of_chance_sees_of_a_state_is_what_the_network_is(n, modules):
    # Against W^T W <- M W^T W M of the weights' three columns, and the kernel J J^T / m.
    script = """
      import { lossAndKernel, oneSampleStep, SAMPLES, SCALES } from "./rules.js";
      const answer = ({ states, eta, n }) => states.map((state) => ({
        seen: lossAndKernel(state, ...SCALES, [0, 0]),
        next: SAMPLES.map((sample) => oneSampleStep([...state], eta, n, ...sample)),
      }));
    """
    X = six_samples()
    net = cs.LinearNet(X, np.zeros(6), width=n)
    grams = net.init(rng=0, ensemble=(30,))
    states = grams[:, [0, 0, 1, 0, 1, 2], [0, 1, 1, 2, 2, 2]]
    asked = {"states": states.tolist(), "eta": 0.6, "n": n}
    for gram, found in zip(grams, answers(modules, script, asked), strict=True):
        A, F, B = gram[:2, :2], gram[:2, 2], gram[2, 2]
        turned = net.data.directions.T
        f = X @ turned.T @ F
        kernel = X @ (turned.T @ A @ turned + B * np.eye(2)) @ X.T / 6
        seen = np.array([f @ f / 12, np.linalg.eigvalsh(kernel)[-1]])
        assert (abs(found["seen"] - seen) <= EXACT * seen).all()
        for x, after in zip(X @ turned.T, found["next"], strict=True):
            step = np.eye(3)
            step[:2, 2] = step[2, :2] = -0.6 / n**0.5 * x * (x @ F)
            inner = np.block([[A, F[:, None] / n**0.5], [F[None] / n**0.5, np.array([[B]])]])
            moved = step @ inner @ step
            moved[:2, 2] *= n**0.5
            expected = moved[[0, 0, 1, 0, 1, 2], [0, 1, 1, 2, 2, 2]]
            assert abs(after - expected).max() <= 10 * EXACT * abs(gram).max()


def test_the_lines_of_python_give_the_rare_catapult_on_the_screen(modules):
    script = """
      import { replay } from "./rare.js";
      import { rareScene } from "./scenes/rare.js";
      const answer = (all) => all.map(({ c, n, index }) => {
        const run = replay({ c, n }, index);
        return { ...run, python: rareScene.python({ c, n }, run) };
      });
    """
    cases = [
        {"c": 0.95, "n": 10**5, "index": 49},
        {"c": 1.05, "n": 10**8, "index": 7},
        {"c": 0.5, "n": 100, "index": 999_999},
    ]
    found = answers(modules, script, cases)
    for one in found:
        names = {}
        with contextlib.redirect_stdout(io.StringIO()):
            exec(one["python"], names)
        assert names["batches"] == [[sample] for sample in one["order"]]
        values = names["run"].values
        for name, lines in (("loss", "loss"), ("curvature", "top_eigenvalue")):
            assert abs(np.array(one[name]) / values[lines] - 1).max() < 1e-9
        change = values["top_eigenvalue"][-1] / values["top_eigenvalue"][0] - 1
        assert one["thrown"] == (abs(change) > 0.05)
    assert [one["thrown"] for one in found] == [True, False, False]


def test_runs_are_thrown_as_often_as_numpys_random_orders_throw_them(modules):
    script = """
      import { countOn, newCount, replay } from "./rare.js";
      const answer = ({ c, widths, runs }) => {
        const count = newCount({ c, widths, runs });
        while (count.counted[0] < runs) countOn(count, 700);
        const examples = [...count.examples.thrown, ...count.examples.kept];
        const again = examples.map((index) => replay({ c, n: widths[0] }, index).thrown);
        return { ...count, again };
      };
    """
    asked = {"c": 1.0, "widths": [10**4, 100, 10**6], "runs": 4000}
    found = answers(modules, script, asked)
    assert found["counted"] == [4000] * 3
    assert found["again"] == [True] * 12 + [False] * 12
    rng = np.random.default_rng(0)
    start = np.array([[1.0, 0, 1], [0, 1, 1], [1, 1, 1]])
    for n, thrown in zip(asked["widths"], found["thrown"], strict=True):
        net = cs.LinearNet(six_samples(), np.zeros(6), width=n)
        first = net.top_eigenvalue(start)
        states = np.broadcast_to(start, (4000, 3, 3))
        batches = rng.integers(6, size=(4000, 300, 1))
        run = net.train(learning_rate=1 / first, steps=300, state=states, batches=batches)
        change = net.top_eigenvalue(run.state) / first - 1
        expected = (~(abs(change) <= 0.05)).mean()
        error = (2 * expected * (1 - expected) / 4000) ** 0.5
        assert 0.001 < expected < 0.9
        assert abs(thrown / 4000 - expected) < 4 * error


def test_the_exponent_of_the_scene_of_chance_is_that_of_the_transfer_operator(modules):
    from catapult_sim.claims.gess2026.problem import rate_of_tail
    from catapult_sim.claims.gess2026.six_samples import SIX
    from catapult_sim.numeric.random_products.linear_sgd import threshold

    script = """
      import { rate } from "./rare.js";
      import { tailExponent } from "./tail.js";
      const answer = (all) => all.map((eta) => tailExponent(eta));
    """
    rates = [rate_of_tail(SIX, theta) for theta in SIX.tails]
    typical = threshold(SIX.kernel, growth="typical")
    found = answers(modules, script, [*rates, 1.01 * typical, 0.01])
    assert abs(np.array(found[:3]) - SIX.tails).max() < 0.005
    assert found[3:] == [0, float("inf")]
    curvature = np.linalg.eigvalsh(SIX.kernel)[-1] / 6
    text = (Path(cs.__file__).parent / "page" / "scenes.html").read_text("utf-8")
    assert f"beyond {typical * curvature:.2f}, where products grow typically" in text


def test_what_scenes_say_of_any_state_are_words_and_numbers(modules):
    # Each value is drawn on its slider, or put on one of its limits.
    script = """
      import { SCENES } from "./scenes.js";
      const drawn = (scene, u) => {
        const values = { ...scene.start };
        scene.controls.forEach(({ name, min, max, log }, i) => {
          const ends = [min, min, max, max];
          const value = ends[Math.floor(u[i] * 10)] ?? min + u[i] * (max - min);
          const limit = scene.limits[name][u[i] < 0.5 ? 0 : 1];
          values[name] = u[i + 5] < 0.2 ? limit : log ? 10 ** value : value;
        });
        return values;
      };
      const spoken = (scene, u) => {
        const values = drawn(scene, u);
        const run = scene.run(values);
        const t = Math.floor(u[10] * run.steps);
        const numbers = JSON.stringify(scene.numbers(run, t, values));
        return [scene.id, values, scene.say(run, t, values) + numbers];
      };
      const solved = SCENES.filter(({ live }) => !live);
      const answer = (draws) => solved.flatMap((scene) => draws.map((u) => spoken(scene, u)));
    """
    draws = np.random.default_rng(4).uniform(size=(150, 11)).tolist()
    for scene, values, words in answers(modules, script, draws):
        for wrong in ("NaN", "not a number", "undefined", "Infinity"):
            assert wrong not in words, (scene, values, words)
        if "converge" in words or "Lazy" in words:
            assert "ηλ = ∞" not in words, (scene, values, words)
