"""Sweeps as pandas frames: all cells, painted ones too, and nothing else."""

import json

import numpy as np
import pytest

from catapult_sim import InputError, Phase, read_record, refine, sweep
from catapult_sim.sweeps.record import Line, line_columns
from tests.sweeps.sweeping import fragile, phase, phase_cells, square

pytest.importorskip("pandas")


def test_a_record_and_its_sweep_give_the_same_frame(tmp_path):
    found = sweep(phase, phase_cells()[:9], record=tmp_path / "record.jsonl")
    texts = (tmp_path / "record.jsonl").read_text().splitlines()
    frame = read_record(tmp_path / "record.jsonl").to_frame()
    assert frame.equals(found.to_frame())
    assert list(frame) == ["c", "width", "loss", "phase"]
    for row, text in zip(frame.to_dict("records"), texts, strict=True):
        line = json.loads(text)
        assert row == line["cell"] | line["result"]


def test_a_result_that_is_no_dict_is_a_column():
    frame = sweep(square, ({"x": x} for x in range(5))).to_frame()
    assert frame.to_dict("list") == {"x": [0, 1, 2, 3, 4], "result": [0, 1, 4, 9, 16]}


def test_a_failed_cell_has_its_traceback_and_no_result():
    frame = sweep(fragile, ({"x": x} for x in range(5))).to_frame()
    assert frame.x[frame.error.notna()].tolist() == [3]
    assert "three is too many" in frame.error[3]
    assert frame.result.isna().tolist() == [False, False, False, True, False]


def test_a_cell_that_succeeded_later_is_one_row():
    lines = [
        Line("a", "f/1", {"x": 1}, error="no"),
        Line("a", "f/1", {"x": 1}, {"x": 5, "y": 2}),
        Line("b", "f/1", {"z": 0}, {"y": 3}),
    ]
    columns = {"x": [1, None], "result.x": [5, None], "y": [2, 3], "z": [None, 0]}
    assert line_columns(lines) == columns


def test_a_refined_diagram_has_a_row_for_each_cell_and_says_which_were_painted():
    c, width = np.linspace(0.5, 4.5, 17), np.geomspace(4, 1024, 9)
    asked = set()

    def phases_at(places):
        asked.update(map(tuple, places.tolist()))
        return np.where(c[places[:, 0]] < 2, Phase.LAZY, Phase.CATAPULT)

    frame = refine(phases_at, (17, 9), levels=2).to_frame(names=Phase, c=c, width=width)
    assert len(frame) == 17 * 9
    assert (frame.phase == np.where(frame.c < 2, "lazy", "catapult")).all()
    computed = {(c[i], width[j]) for i, j in asked}
    assert {(row.c, row.width) for row in frame[frame.computed].itertuples()} == computed
    assert 0 < len(asked) < len(frame)


def test_a_diagram_without_names_has_indices_and_codes():
    frame = refine(lambda places: places[:, 0] * 10 + places[:, 1], (3, 3), levels=1).to_frame()
    assert (frame.phase == 10 * frame.i + frame.j).all()


@pytest.mark.parametrize("axes", [{"c": [1, 2, 3]}, {"c": [1, 2], "n": [1, 2, 3]}])
def test_axes_that_do_not_fit_are_refused(axes):
    with pytest.raises(InputError, match=r"axes must be two, of as many values as \(3, 3\)"):
        refine(lambda places: np.zeros(len(places)), (3, 3), levels=1).to_frame(**axes)
