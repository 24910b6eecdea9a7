"""Results come back as the numbers they were, whatever their type."""

import json
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from catapult_sim.sweeps.encoding import plain_cell, result_text
from catapult_sim.sweeps.sweep import sweep
from catapult_sim.validation import InputError

KINDS = [np.bool_, np.float16, np.float32, np.float64]
KINDS += [np.dtype(f"{sign}int{bits}") for sign in ("u", "") for bits in (8, 16, 32, 64)]
KINDS = [np.dtype(kind) for kind in KINDS]
scalars = st.sampled_from(KINDS).flatmap(lambda kind: nps.arrays(kind, ()).map(lambda a: a[()]))
arrays = st.sampled_from(KINDS).flatmap(
    lambda kind: nps.arrays(kind, nps.array_shapes(min_dims=0, min_side=0))
)
# Lone surrogates stand for bytes of file names that are no text. In JSON two of them, a high one
# before a low one, are the character that they stand for together.
texts = st.text(
    st.characters() | st.characters(categories=["Cs"]) | st.sampled_from('\0\u2028",\\')
).filter(lambda text: json.loads(json.dumps(text)) == text)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts | scalars | arrays
results = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(texts, inner, max_size=4)
    ),
    max_leaves=12,
)


def alike(found, given):
    """Tell whether a value that was read is the one given, number by number."""
    match given:
        case dict():
            return found.keys() == given.keys() and all(alike(found[k], given[k]) for k in given)
        case np.ndarray() if given.ndim:
            return alike(found, list(given))
        case list() | tuple():
            return len(found) == len(given) and all(map(alike, found, given))
        case float() | np.floating() | np.ndarray() if np.isnan(given):
            return math.isnan(found)
        case None | bool() | str() | np.bool_():
            return type(found) is (bool if isinstance(given, np.bool_) else type(given)) and (
                found == given
            )
    return found == given and math.copysign(1, found) == np.copysign(1, float(given))


@settings(max_examples=300, deadline=None)
@given(results)
def test_any_result_is_read_back_as_it_was(result):
    assert alike(json.loads(result_text(result)), result)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(results, min_size=1, max_size=5))
def test_any_result_is_stored_and_read(tmp_path_factory, given):
    path = tmp_path_factory.mktemp("record") / "records.jsonl"
    RESULTS[:] = given
    found = sweep(recall, ({"k": k} for k in range(len(given))), record=path)
    assert found.failed == found.dropped == 0
    assert [line.cell["k"] for line in found.lines] == list(range(len(given)))
    for line in found.lines:
        assert alike(line.result, given[line.cell["k"]])


RESULTS = []


def recall(cell):
    return RESULTS[cell["k"]]


@pytest.mark.parametrize(
    ("result", "got"),
    [
        (1j, "got complex"),
        (np.complex64(1), "got complex64"),
        (np.longdouble(1), "got longdouble"),
        (np.datetime64("2026-01-01"), "got datetime64"),
        ({"x": {1, 2}}, "got set"),
        ([np.array([object()])], "got object"),
        ({"x": {8: 0.5}}, "got a key that is not text"),
        ([({2.0: 1},)], "got a key that is not text"),
        (10**5000, "integer string conversion"),
    ],
    ids=str.split("complex complex64 longdouble date set object number float long"),
)
def test_what_no_record_holds_fails_in_one_sentence(result, got):
    RESULTS[:] = [result]
    (line,) = sweep(recall, [{"k": 0}]).lines
    last = line.error.strip().splitlines()[-1]
    assert "InputError: a result must hold only numbers, text, None, lists, dicts with text" in last
    assert got in last


def test_a_result_that_contains_itself_fails_alone():
    loop = []
    loop.append(loop)
    RESULTS[:] = [loop, 1]
    found = sweep(recall, [{"k": 0}, {"k": 1}])
    assert (found.computed, found.failed) == (1, 1)


def test_numbers_of_numpy_in_a_cell_are_those_of_python():
    given = {"width": np.int64(8), "c": np.float32(0.1), "rates": np.array([1.0, 2.0])}
    plain, text = plain_cell(given)
    assert plain == {"width": 8, "c": float(np.float32(0.1)), "rates": [1.0, 2.0]}
    assert text == json.dumps(plain, sort_keys=True, separators=(",", ":"))
    seen = []
    sweep(seen_by(seen), [given])
    assert seen == [plain]
    assert type(seen[0]["width"]) is int


def seen_by(seen):
    def look(cell):
        seen.append(cell)

    look.__qualname__ = "look"
    return look


@pytest.mark.parametrize(
    "cell", [{"x": np.nan}, {"x": np.float32("inf")}, {1: 2}, {"a": {None: 1}}]
)
def test_a_cell_that_equals_nothing_or_changes_in_json_is_refused(cell):
    with pytest.raises(InputError, match="a cell must be a dict that JSON can hold, without NaN"):
        plain_cell(cell)
