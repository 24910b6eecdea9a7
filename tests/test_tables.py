"""Tables as a notebook shows them, with all text escaped, and as data frames."""

import numpy as np
import pytest

from catapult_sim.tables import data_frame, html_table
from tests.html import Table

EVIL = "<script>alert('&')</script>"


def test_all_text_is_escaped():
    text = html_table({EVIL: [EVIL, None]}, caption=EVIL)
    assert "<script" not in text
    assert Table(text).rows == [[EVIL], [EVIL], ["None"]]


def test_numbers_of_any_precision_have_five_digits_and_integers_all():
    columns = {"x": [1 / 3, np.float32(1 / 3), np.float64(2e9), np.nan], "n": [1234567, True, 1, 2]}
    (_, *rows) = Table(html_table(columns)).rows
    assert rows == [["0.33333", "1234567"], ["0.33333", "True"], ["2e+09", "1"], ["nan", "2"]]


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="zip"):
        html_table({"a": [1], "b": [1, 2]})


def test_a_frame_has_the_columns_in_their_order():
    pytest.importorskip("pandas")
    frame = data_frame({"b": np.arange(3), "a": ["x", "y", "z"]})
    assert list(frame) == ["b", "a"]
    assert frame.b.sum() == 3
