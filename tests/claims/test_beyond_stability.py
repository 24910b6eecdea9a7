"""The claims on central flows and Edge Flow."""

from dataclasses import replace

import numpy as np
import pytest

from catapult_sim.claims import cohen2025, marion2026
from catapult_sim.claims.verdict import BAD, GOOD, judge
from catapult_sim.experiments import beyond_stability as beyond
from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.runs.measured import NothingToMeasure
from tests.numeric.flows.test_edge_flow import quadratic


def claim(name):
    (found,) = (one for one in (*cohen2025.CLAIMS, *marion2026.CLAIMS) if one.id == name)
    return found


@pytest.fixture(scope="module")
def bench():
    return Bench(7)


@pytest.fixture(autouse=True)
def fewer_starts(monkeypatch):
    """Every third start, as far apart: of each, the flow takes seconds."""
    monkeypatch.setattr(beyond, "OUTPUTS", beyond.OUTPUTS[::3])


def test_one_sample_is_the_linear_network_on_one_sample():
    ends = beyond.final_curvature(Bench(0), "gradient descent", 2.5)
    for output, end in zip(beyond.OUTPUTS, ends, strict=True):
        # Of a million units, f is a thousand times the output over sqrt(n).
        net = LinearNet([[1.0]], [0.0], width=10**6)
        state = np.array([[0.5, 1e3 * output], [1e3 * output, 0.5]])
        run = net.train(learning_rate=2.5, steps=beyond.ONE_STEPS, state=state, tolerance=0.0)
        assert 2.5 * np.trace(run.state) == pytest.approx(end, rel=1e-6)


def test_small_catapults_of_edge_flow_are_mirrored(bench):
    for name in ("mirror", "small"):
        assert judge(claim(f"edge_flow.catapult.{name}"), bench).verdict in GOOD
    wrong = replace(claim("edge_flow.catapult.mirror"), predict=2.0)
    assert judge(wrong, bench).verdict in BAD


def test_catapults_of_the_central_flow_end_at_the_edge(bench):
    found = claim("central_flow.catapult.end")
    assert judge(found, bench).verdict in GOOD
    assert judge(replace(found, predict=1.9), bench).verdict in BAD


def test_gradient_descent_is_compared_with_flows_where_all_is_known():
    surface, _, Q = quadratic()
    start, rate = Q @ np.array([0.1, 1.0, 1.0]), 0.6  # eta times the sharpness is 1.8
    found = beyond.compare(surface, start, rate, 20, 5)
    t = found.step[:, None]
    # Of three iterates, each mode is multiplied by (1/r + 2 + r) / 4, r its factor in a step.
    factors = 1 - rate * np.array([3.0, 1.0, 0.5])
    centres = factors**t * (1 / factors + 2 + factors) / 4 * [0.1, 1, 1]
    flows = np.exp(-rate * t * [3.0, 1.0, 0.5]) * [0.1, 1, 1]
    assert found.sharpness == pytest.approx(1.8, abs=1e-6)
    assert found.flows["gradient flow"].distance == pytest.approx(
        np.linalg.norm(flows - centres, axis=1), abs=1e-4
    )
    assert found.flows["central flow"].distance == pytest.approx(
        np.linalg.norm(flows - centres, axis=1), abs=0.02
    )
    oscillation = factors[0] ** t[:, 0] * 0.1
    assert found.flows["Edge Flow"].spread == pytest.approx(oscillation**2, abs=1e-12)
    assert len(found.loss) == 21
    with pytest.raises(NothingToMeasure):  # it is nowhere beyond the edge
        beyond.at_the_edge([found])
