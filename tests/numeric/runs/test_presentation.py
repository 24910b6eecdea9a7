"""What is printed of a run: a few lines, true numbers, phases as words; and what pandas gets."""

import sys

import numpy as np
import pytest

from catapult_sim import Phase, boundary, classify, iterate
from catapult_sim.numeric.runs.phases import Phases
from catapult_sim.numeric.runs.trajectory import Outcome
from tests.html import Table

pytest.importorskip("pandas")


def halve(x, rate):
    return x * (1 - rate[:, None])


def square(x, rate):
    return x[:, 0] ** 2


RATES = np.array([[0.5, 1.0, 5.0], [1.5, 0.9, 0.1]])
RUN = iterate(halve, [1.0], RATES, loss=square, steps=60, tolerance=1e-30, escape=1e20)
BRACKETS = boundary(lambda c: np.where(c > [2.5, 3.5, 99.0], 1, -1), 1.0, 8.0, members=3)


def losses(rate):
    """The losses of one member until it ends, from the recurrence alone."""
    loss = [1.0]
    while len(loss) <= 60 and 1e-30 < loss[-1] <= 1e20:
        loss.append(loss[-1] * (1 - rate) ** 2)
    return loss


def test_a_run_prints_in_three_lines_how_its_members_ended():
    ended = [losses(rate) for rate in RATES.ravel()]
    converged, diverged = (
        sum(test(e[-1]) for e in ended) for test in (lambda x: x <= 1e-30, lambda x: x > 1e20)
    )
    text = repr(RUN)
    assert text.count("\n") == 2
    assert f"{6 - converged - diverged} running, {converged} converged, {diverged} diverged" in text
    assert f"{min(e[-1] for e in ended):.3g} to {max(e[-1] for e in ended):.3g}" in text
    assert "(2, 3)" in text


@pytest.mark.parametrize("shape", [(), (0,), (4, 3)])
def test_a_run_of_any_shape_prints(shape):
    text = repr(iterate(halve, np.ones((*shape, 1)), 0.5, loss=square, steps=3))
    assert text.startswith(f"Trajectory of an ensemble {shape}")
    assert len(text) < 400


def test_a_frame_of_a_run_has_a_row_for_each_step_that_a_member_made():
    frame = RUN.to_frame()
    for i, j in np.ndindex(2, 3):
        rows = frame[(frame.axis_0 == i) & (frame.axis_1 == j)]
        expected = losses(RATES[i, j])
        assert rows.step.tolist() == list(range(len(expected)))
        np.testing.assert_allclose(rows.loss, expected, rtol=1e-12)
    assert len(frame) == sum(len(losses(rate)) for rate in RATES.ravel())


def test_a_single_run_has_a_frame_and_a_table_without_members():
    run = iterate(halve, [1.0], 0.5, loss=square, steps=2)
    frame = run.to_frame()
    assert list(frame) == ["step", "loss"]
    np.testing.assert_array_equal(frame.loss, [1.0, 0.25, 0.0625])
    assert "member" not in run._repr_html_()


def test_a_quantity_with_axes_of_its_own_has_a_column_for_each_entry():
    powers = {"powers": lambda x: np.stack([x[:, 0], 10 * x[:, 0]], axis=-1)[:, None]}
    frame = iterate(
        halve, [1.0], [0.5, 0.25], loss=square, steps=2, observe=powers, every=2
    ).to_frame()
    assert list(frame) == ["step", "member", "loss", "powers[0, 0]", "powers[0, 1]"]
    last = frame[(frame.step == 2) & (frame.member == 1)]
    assert last["powers[0, 1]"].tolist() == [10 * 0.75**2]
    assert frame[frame.step == 1]["powers[0, 0]"].isna().all()


def test_a_frame_of_a_boundary_has_a_row_for_each_member():
    frame = BRACKETS.to_frame()
    assert frame.member.tolist() == [0, 1, 2]
    assert ((frame.lower <= [2.5, 3.5, 8.0]) & (frame.upper > [2.5, 3.5, 99.0])).all()
    assert frame.upper[2] == np.inf
    assert frame.centre[0] == (frame.lower[0] + frame.upper[0]) / 2


def test_in_a_notebook_a_run_is_a_table_of_its_members():
    header, *rows = Table(RUN._repr_html_()).rows
    assert header == [
        "axis_0",
        "axis_1",
        "outcome",
        "stopped at",
        "first loss",
        "peak loss",
        "last loss",
    ]
    for row, rate in zip(rows, RATES.ravel(), strict=True):
        expected = losses(rate)
        assert row[3:] == [
            f"{len(expected) - 1}",
            "1",
            f"{max(expected):.5g}",
            f"{expected[-1]:.5g}",
        ]
    assert {row[2] for row in rows} == {"converged", "diverged", "running"}


def test_in_a_notebook_a_large_ensemble_shows_its_first_members():
    text = iterate(halve, np.ones((1000, 1)), 0.5, loss=square, steps=1)._repr_html_()
    assert len(Table(text).rows) == 21
    assert "(the first 20 of 1000)" in text


def test_in_a_notebook_a_boundary_is_a_table_of_its_brackets():
    text = BRACKETS._repr_html_()
    assert [row[0] for row in Table(text).rows] == ["member", "0", "1", "2"]
    assert "Boundary at &gt;= " in text  # escaped


def test_without_pandas_a_frame_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"needs pandas; .*: pip install pandas$"):
        RUN.to_frame()


CODES = np.array([[0, 1], [2, 3]], dtype=np.int8).view(Phases)


def test_phases_print_as_words():
    assert repr(CODES) == "Phases([['undecided', 'lazy'],\n ['catapult', 'divergent']])"
    assert str(CODES[0]) == "['undecided', 'lazy']"
    assert (
        repr(classify(iterate(halve, [1.0], 3.0, loss=square, steps=999))) == "Phases('divergent')"
    )
    assert [str(phase) for phase in Phase] == [f"{phase}" for phase in Phase]
    assert f"{Phase.LAZY:>6}" == "  lazy"
    assert str(Outcome.DIVERGED) == "diverged"


def test_a_million_phases_print_in_a_line():
    assert len(repr(np.zeros(10**6, np.int8).view(Phases))) < 100


def test_the_words_of_phases_are_an_array():
    assert CODES.names.tolist() == [["undecided", "lazy"], ["catapult", "divergent"]]


def test_what_is_computed_from_phases_is_numbers():
    for result in (CODES == Phase.LAZY, CODES + 1, np.isin(CODES, [1, 2]), CODES[0] * 2.5):
        assert type(result) is np.ndarray
    assert type(CODES.max()) is np.int8
    assert CODES.mean() == 1.5
    assert type(CODES[:1]) is type(CODES.T) is Phases
    assert CODES.tolist() == [[0, 1], [2, 3]]
