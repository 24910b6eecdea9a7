"""Records that were cut, altered or written by others give no number that is not right."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catapult_sim.sweeps.record import Line
from catapult_sim.sweeps.sweep import sweep
from tests.sweeps.sweeping import square

leaves = st.none() | st.booleans() | st.floats() | st.text() | st.just({}) | st.just([])
CELLS = [{"x": x} for x in range(4)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "records.jsonl"
    sweep(square, CELLS, record=path)
    return path.read_bytes()


def resumed(content, folder):
    """Resume a record of this content; return the sweep and its results by x."""
    path = folder.mktemp("record") / "records.jsonl"
    path.write_bytes(content)
    found = sweep(square, CELLS, record=path)
    assert path.read_bytes().endswith(b"\n")
    assert found.known + found.computed == len(CELLS)
    return found, {line.cell["x"]: line.result for line in found.lines}


RIGHT = {x: x**2 for x in range(4)}
ANYWHERE = settings(max_examples=80, deadline=None)


@ANYWHERE
@given(data=st.data())
def test_a_record_cut_anywhere_goes_on(whole, tmp_path_factory, data):
    first = whole.index(b"\n") + 1
    cut = data.draw(st.integers(first, len(whole)))
    ends = data.draw(st.sampled_from([b"\n", b"\r\n"]))
    mark = data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    found, results = resumed(mark + whole[:cut].replace(b"\n", ends), tmp_path_factory)
    assert results == RIGHT
    assert found.known == whole[:cut].count(b"\n")


@ANYWHERE
@given(data=st.data())
def test_altered_lines_are_dropped_and_computed_again(whole, tmp_path_factory, data):
    lines = whole.splitlines(keepends=True)
    k = data.draw(st.integers(1, len(lines) - 1))
    place = data.draw(st.integers(0, len(lines[k]) - 2))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte not in (10, lines[k][place])))
    altered = lines[k][:place] + bytes([byte]) + lines[k][place + 1 :]
    found, results = resumed(b"".join([*lines[:k], altered, *lines[k + 1 :]]), tmp_path_factory)
    assert (found.dropped, found.known) == (1, len(CELLS) - 1)
    assert results == RIGHT


@ANYWHERE
@given(
    st.recursive(
        leaves,
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
    | st.fixed_dictionaries(
        {"key": leaves, "physics": leaves, "cell": leaves},
        optional={"result": leaves, "error": leaves, "check": leaves, "more": leaves},
    )
)
def test_no_line_of_json_is_more_than_it_says(content):
    line = Line.parse(json.dumps(content, default=str).encode())
    if line is not None:
        assert isinstance(line.key, str)
        assert isinstance(line.physics, str)
        assert isinstance(line.cell, dict)
        assert isinstance(line.error, str | None)


def test_a_line_nested_beyond_reason_is_dropped(whole, tmp_path_factory):
    deep = b'{"key":"a","physics":"b","cell":' + b'{"x":' * 10**5 + b"\n"
    found, results = resumed(whole + deep, tmp_path_factory)
    assert (found.dropped, results) == (1, RIGHT)


def test_lines_from_before_there_were_checksums_are_believed(whole, tmp_path_factory):
    plain = [json.loads(line) for line in whole.splitlines()]
    for line in plain:
        del line["check"]
    content = "".join(json.dumps(line) + "\n" for line in plain).encode()
    found, results = resumed(content, tmp_path_factory)
    assert (found.known, results) == (4, RIGHT)
