"""The claims on one sample with a label."""

import dataclasses

import numpy as np
import pytest

from catapult_sim.claims import kalra2023_sharpness
from catapult_sim.claims.verdict import BAD, GOOD, judge
from catapult_sim.experiments.bench import Bench
from catapult_sim.symbolic import linear_net

JUDGED = [claim for claim in kalra2023_sharpness.CLAIMS if claim.kind != "finding"]


@pytest.mark.parametrize("claim", JUDGED, ids=lambda claim: claim.id)
def test_the_claims_are_confirmed_for_another_seed(claim):
    assert judge(claim, Bench(7)).verdict in GOOD


def test_below_the_first_doubling_explicit_networks_reach_the_label():
    F, Lam = kalra2023_sharpness.settle(Bench(0), 0.5)
    np.testing.assert_allclose(F, 0.5, rtol=1e-9)
    assert (Lam < 2).all()


def test_a_wrong_orbit_is_refuted(monkeypatch):
    orbit = linear_net.period_two_orbit()
    shifted = tuple((D, Lam + 0.01) for D, Lam in orbit.points)
    wrong = dataclasses.replace(orbit, points=shifted)
    monkeypatch.setattr(linear_net, "period_two_orbit", lambda: wrong)
    (claim,) = (one for one in kalra2023_sharpness.CLAIMS if one.id.endswith("orbit.curvature"))
    assert judge(claim, Bench(0)).verdict in BAD
