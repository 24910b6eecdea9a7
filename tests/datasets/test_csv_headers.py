"""Headers of CSV files: names for each column, none above names of rows, or numbers for names."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catapult_sim.datasets import load
from catapult_sim.validation import InputError

ROWS = np.array([[0.5, 0.2, 0], [0.1, 0.9, 1], [0.3, 0.7, 1]])


@pytest.fixture
def read(tmp_path):
    def reading(text, **options):
        (tmp_path / "data.csv").write_text(text)
        return load(tmp_path / "data.csv", **options)

    return reading


def table(header, names=None, separator=",", quote='"'):
    """Return the rows as text, with a name before each as R writes them."""
    file = io.StringIO()
    print(separator.join(f"{quote}{name}{quote}" for name in header), file=file)
    for n, row in enumerate(ROWS):
        name = [] if names is None else [f"{quote}{names[n]}{quote}"]
        print(separator.join([*name, *(f"{value:g}" for value in row)]), file=file)
    return file.getvalue()


@pytest.mark.parametrize("separator", [",", ";", "\t", " ", "|"])
@pytest.mark.parametrize(
    "names", [[1, 2, 3], [0, 1, 2], ["r1", "r2", "s"], ["Mazda RX4", "Fiat", "Volvo"]]
)
@pytest.mark.parametrize("header", [["a", "b", "y"], ["", "x1", "x2", "y"]])
def test_names_of_rows_are_left_out_and_mentioned(read, separator, names, header):
    found = read(table(header, names, separator))
    np.testing.assert_array_equal(found.X, ROWS[:, :2])
    np.testing.assert_array_equal(found.y, [[-1], [1], [1]])
    assert "from column 4 (y); column 1 has names of rows and is left out" in repr(found)


def test_first_is_the_first_column_after_the_names_of_rows(read):
    found = read(table(["a", "b", "c"], [1, 2, 3]), label_column="first")
    np.testing.assert_array_equal(found.y[:, 0], ROWS[:, 0])
    np.testing.assert_array_equal(found.X, ROWS[:, 1:])


MISFITS = {
    "longer": ("a,b,c,y\n1,2,0\n2,3,1\n", "a header of 4 names in line 1, but 3 values in line 2"),
    "shorter by two": ("# c\na,y\n1,2,0,1\n", "a header of 2 names in line 2, but 4 values in li"),
    "a title": ("my data\n1,2,0\n2,3,1\n", "a header of 1 name in line 1, but 3 values in line 2"),
    "numbers that differ": ("a,y\n1,2,0\n4,3,1\n", "a header of 2 names in line 1, but 3 values"),
    "repeated names": ("a,y\nu,2,0\nv,3,1\nu,4,1\n", "a header of 2 names in line 1, but 3 values"),
    "counting breaks off": ("a,y\n1,2,0\n2,3,1\n4,5,0\n", "a header of 2 names in line 1, but 3"),
    "other separators": ("a;b;y\n1,2,0\n3,4,1\n", "a header of 1 name in line 1, but 3 values"),
    "names of rows only": ("y\n1,0\n2,1\n", "has one value in line 2 besides the name of the row"),
    "a name above names": (
        "c,2019,2020\nFR,1,2\nDE,3,1\nUK,3,1\n",
        "names or dates of rows in col",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_header_that_does_not_fit_is_refused_with_its_line(read, name):
    text, sentence = MISFITS[name]
    with pytest.raises(InputError, match=sentence):
        read(text)


def test_empty_names_at_the_end_are_those_of_a_spreadsheet(read):
    np.testing.assert_array_equal(read(table(["a", "b", "y", "", ""])).X, ROWS[:, :2])


@given(st.sets(st.integers(1, 5000), min_size=2, max_size=2), st.sampled_from(["y", "label"]))
def test_numbers_beside_a_name_of_labels_are_names(tmp_path_factory, numbers, name):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_text(table([*numbers, name], quote=""))
    found = load(path)
    np.testing.assert_array_equal(found.X, ROWS[:, :2])
    assert f"from column 3 ({name})" in repr(found)


def test_numbers_are_names_above_classes_and_in_comments_too(read):
    found = read("400.5,410.5,label\n.1,.2,cat\n.3,.4,dog\n.5,.6,cat\n")
    assert found.X.tolist() == [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]
    found = read("# label,400,410\n1,.1,.2\n0,.3,.4\n")
    assert found.X.tolist() == [[0.1, 0.2], [0.3, 0.4]]


def test_names_may_have_numbers(read):
    assert read("x1,kind\n.1,cat\n.3,dog\n").X.tolist() == [[0.1], [0.3]]
    assert read("0,x1,label\n.1,2,0\n.3,3,1\n").X.tolist() == [[0.1, 2], [0.3, 3]]
    assert read("10m,20m,kind\n.1,.2,cat\n.3,.4,dog\n").X.tolist() == [[0.1, 0.2], [0.3, 0.4]]


def test_sodium_is_a_name(read):
    assert read("RI,Na,Type\n1.5,13,1\n1.6,12,2\n").X.tolist() == [[1.5, 13], [1.6, 12]]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("400,410,protein\n.1,.2,.5\n.3,.4,.7\n", "has 'protein' in line 1, column 3, which is no"),
        ("1,2,O\n3,4,1\n5,6,0\n", "has 'O' in line 1, column 3, which is not a number"),
        ("1,2,O.9\n3,4,.1\n5,6,.4\n", "has 'O.9' in line 1, column 3, which is not a number"),
        ("1.5,2.5,unknown\n3,4,1\n", "has 'unknown' in line 1, column 3, which is not a number"),
        ("2019,2020,country\n.1,.2,FR\n.3,.4,DE\n.5,.6,FR\n", "begins in line 1 with a header of"),
        (
            "668,2177,country\n.5,.2,FR\n134,187,DE\n4,.4,FR\n",
            "begins in line 1 with a header of n",
        ),
        ("14o,cat\n.5,dog\n.7,cat\n", "has '14o' in line 1, column 1, which is not a number"),
        (":.6,0\n.5,1\n.7,0\n", "has ':.6' in line 1, column 1, which is not a number"),
        ("x.6,0\n.5,1\n.7,0\n", "has 'x.6' in line 1, column 1, which is not a number"),
        ("2653,animal\n11,cat\n-2.5,dog\n3,cat\n", "begins in line 1 with a header of numbers or"),
        ("none,cat\n.5,dog\n.7,cat\n", "has 'none' in line 1, column 1, which is not a number"),
        ("2653,y\n11,cat\n-2.5,dog\n3,cat\n", "begins in line 1 with a header of numbers or with"),
        ("2019,2020,country\n10,20,FR\n30,40,DE\n5,6,FR\n", "begins in line 1 with a header of"),
    ],
)
def test_a_first_line_that_may_be_a_header_is_never_a_sample(read, text, sentence):
    with pytest.raises(InputError, match=sentence):
        read(text)


@pytest.mark.parametrize("options", [{}, {"labels": "classes"}])
def test_a_sample_is_never_taken_for_a_header(read, options):
    with pytest.raises(
        InputError, match="has 'X' above the labels and as the label of line 4: wri"
    ):
        read("0,X\n5,2\n3,1\n4,X\n", **options)


def test_samples_that_look_a_little_like_headers_are_read(read):
    for text in (
        "1,2,y\n3,4,n\n5,6,y\n",
        "1,2,cat\n3,4,dog\n5,6,dog\n",
        "1,2,y\n3,4,n\n5,6,n\n",
        "7,3,a\n5.1,3.5,b\n6,2,b\n",
    ):
        assert len(read(text).X) == 3
