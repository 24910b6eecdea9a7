"""An effort for tests: hardly any, of everything."""

from dataclasses import replace

from catapult_sim.experiments.bench import EFFORTS

TINY = replace(
    EFFORTS["quick"],
    name="tiny",
    samples=12,
    members=3,
    hidden={1: (32, 64), 2: (16, 32)},
    steps=60,
    grid=6,
    tolerance=5e-2,
    trained=8,
    averaged=8,
    followed=2,
    starts=8,
)
