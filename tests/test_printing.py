"""Every result prints in a few lines, however large its arrays."""

import dataclasses
import importlib

import numpy as np
import pytest

import catapult_sim as cs
from catapult_sim.printing import brief, short_repr
from tests.test_package import MODULES

ROOMS = ("catapult_sim.numeric.", "catapult_sim.sweeps.", "catapult_sim.experiments.")
NO_RESULTS = {"Networks", "NetworkStart", "LinearStart"}  # experiments before they are run


def is_result(found, module):
    own = isinstance(found, type) and found.__module__ == module
    return own and dataclasses.is_dataclass(found) and found.__name__ not in NO_RESULTS


RESULTS = [
    found
    for module in MODULES
    if module.startswith(ROOMS)
    for name, found in vars(importlib.import_module(module)).items()
    if not name.startswith("_") and is_result(found, module)
]


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.__name__)
def test_a_result_with_arrays_does_not_write_them_out(result):
    types = [str(field.type) for field in dataclasses.fields(result)]
    if any(kind.startswith(("Array", "npt.NDArray", "dict[str, Array]")) for kind in types):
        assert not hasattr(result.__repr__, "__wrapped__"), "this is the repr that dataclasses make"


D = np.linspace(-1, 1, 1000)
BIG = {
    "eigenpairs": lambda: cs.top_eigenpairs(lambda v: D * v, k=20, size=1000, rng=0),
    "density": lambda: cs.spectral_density(lambda v: D * v, size=1000, rng=0),
    "phase map": lambda: cs.phase_map(
        cs.symbolic.linear_net.residual_map(), D=1e-3, Lam=np.linspace(0.5, 4.5, 5000), Y=0
    ),
    "boundary": lambda: cs.boundary(lambda c: np.where(c > 2, 1, -1), 1, 4, members=500),
    "diagram": lambda: cs.refine(lambda places: places[:, 0] > 30, (65, 65)),
    "run": lambda: cs.LinearNet(np.eye(3), np.ones(3), width=9).train(
        learning_rate=np.full(500, 0.1), steps=300, rng=0
    ),
}


@pytest.mark.parametrize("name", BIG)
def test_a_large_result_prints_in_a_few_lines(name):
    lines = repr(BIG[name]()).splitlines()
    assert len(lines) <= 5
    assert max(map(len, lines)) <= 120


@dataclasses.dataclass(frozen=True)
class Result:
    """One of every kind of value."""

    numbers: np.ndarray
    matrix: np.ndarray
    measured: cs.Measured
    words: str
    many: tuple

    __repr__ = short_repr


def test_a_field_prints_as_its_value_where_that_is_short():
    found = Result(
        np.array([0.1, np.nan]), np.eye(3), cs.Measured(3.9981, 0.0042, 8), "a", (1,) * 9
    )
    assert repr(found).replace("\n    ", " ") == (
        "Result(numbers=[0.1, nan], matrix=float64 (3, 3), measured=3.998(4), words='a', "
        "many=tuple of 9)"
    )


@pytest.mark.parametrize(
    "value", ["x" * 999, list(range(999)), {k: k for k in range(999)}, 10**999]
)
def test_no_value_is_long(value):
    assert len(brief(value)) < 90
