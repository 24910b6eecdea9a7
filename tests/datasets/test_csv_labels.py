"""Labels of CSV files: all numbers or all names, and neither names nor numbers of rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catapult_sim.datasets import load
from catapult_sim.validation import InputError


@pytest.fixture
def read(tmp_path):
    def reading(text, **options):
        (tmp_path / "data.csv").write_text(text)
        return load(tmp_path / "data.csv", **options)

    return reading


def labelled(labels, quote=""):
    """Return a table of two inputs with these labels."""
    lines = (f"{(7 * n) % 5},{n}.5,{quote}{label}{quote}\n" for n, label in enumerate(labels))
    return "a,b,c\n" + "".join(lines)


MIXED = {
    "letter O": (["0.51", "0.72", "O.9", "0.3"], "has 'O.9' in line 4, column 3"),
    "a word": (["0", "1", "0", "none", "1"], "has 'none' in line 5, column 3"),
    "dash": (["0", "1", "-", "1"], "has no value in line 4, column 3"),
    "point": (["0.5", "1.5", "1", "."], "has no value in line 5, column 3"),
    "mark of pandas": (["0", "<NA>", "1"], "has no value in line 3, column 3"),
    "mark of a spreadsheet": (["0", "1", "1", "#N/A"], "has no value in line 5, column 3"),
    "error of a spreadsheet": (["cat", "dog", "#REF!"], "has no value in line 4, column 3"),
    "dash among names": (["cat", "dog", "-", "cat"], "has no value in line 4, column 3"),
    "a number among names": (["cat", "dog", "3", "cat"], "has '3' in line 4, column 3 .c., a numb"),
    "percent": (["5%", "7%", "5%"], "has '5%' in line 2, column 3 .c., which is not a number"),
    "thousands": (["1 000", "1", "2"], "has '1 000' in line 2, column 3"),
    "underscore": (["1_0", "2_0", "1_0"], "has '1_0' in line 2, column 3"),
}


@pytest.mark.parametrize("name", MIXED)
def test_labels_of_two_kinds_are_refused_with_the_line(read, name):
    labels, sentence = MIXED[name]
    with pytest.raises(InputError, match=sentence):
        read(labelled(labels))


def test_decimal_commas_are_no_names(read):
    for labels in (["0,5", "0,7", "0,9"], ["1,000", "5", "7"], ["1,234.5", "7", "8"]):
        with pytest.raises(InputError, match=f"has '{labels[0]}' in line 2, column 3 .c., which i"):
            read(labelled(labels, quote='"'))
    with pytest.raises(
        InputError, match=r"'0.5' in line 1, column 3, a decimal point, and decimal"
    ):
        read("1,5;2;0.5\n1,0;3;0.7\n")


@given(
    st.lists(st.floats(-1e6, 1e6).map(repr), min_size=3, max_size=8),
    st.integers(0, 99),
    st.sampled_from("OolI-.x,;%e"),
    st.integers(0, 99),
)
def test_no_typing_error_makes_numbers_to_classes(tmp_path_factory, labels, at, typed, where):
    wrong = list(labels[at % len(labels)])
    wrong[where % len(wrong)] = typed
    labels[at % len(labels)] = "".join(wrong)
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_text(labelled(labels, quote='"'))
    try:
        found = load(path, labels="auto")
    except InputError:
        return
    values = [float(label) for label in labels]  # raises where one is no number
    assert found.labels == ("numbers" if len(set(values)) > 2 else found.labels)


CLASSES = {
    "signs": ["+", "-", "+"],
    "None": ["None", "Mild", "None"],
    "ranges": ["10-20", "20-30", "10-20"],
    "letters and digits": ["3a", "3b", "3a"],
    "two": ["rose", "lily"],
}


@pytest.mark.parametrize("name", CLASSES)
def test_names_that_look_a_little_like_numbers_are_classes(read, name):
    found = read(labelled(CLASSES[name]))
    assert found.labels == "binary"
    first = [label == CLASSES[name][0] for label in CLASSES[name]]
    assert (found.y[:, 0] == found.y[0, 0]).tolist() == first


ROWS = {
    "names": ("name,a,score\nann,2,0.2\nbob,3,1.1\ncy,2,2\n", "column 1 .name."),
    "names of two": ("name,a,score\nann,2,0.2\nbob,3,1.1\n", "column 1 .name."),
    "names at the end": ("2,0.2,ann\n3,1.1,bob\n2,2,cy\n", "column 3"),
    "dates": ("date,a,b\n2020-01-01,1,2\n2020-01-02,2,1\n", "column 1 .date."),
    "dates that repeat": ("1/2/2020,1,2\n1/2/2020,2,1\n1/3/2020,2,3\n", "column 1"),
    "dates at the end": ("a,b,day\n1,2,1.2.2020\n2,2,1.3.2020\n", "column 3 .day."),
    "dates with times": (
        "2020-01-01T10:00,1,2\n2020-01-01T10:00,2,1\n2020-01-02T9:00,3,1\n",
        "column 1",
    ),
    "dates with months": ("1-Jan-2020,1,2\n1-Jan-2020,2,1\n2-Jan-2020,2,3\n", "column 1"),
    "times": ("12:30,1,2\n12:31,2,1\n12:32,2,3\n", "column 1"),
    "a name twice": ("".join(f"n{max(n, 1)},{n},2\n" for n in range(30)), "column 1"),
}


@pytest.mark.parametrize("name", ROWS)
def test_names_and_dates_of_rows_are_no_labels(read, name):
    text, column = ROWS[name]
    with pytest.raises(InputError, match=f"look like names or dates of rows in {column}, not lab"):
        read(text)


def test_names_of_rows_are_labels_where_one_says_so(read):
    text = ROWS["names"][0]
    assert read(text, label_column="name").y.shape == (3, 3)
    assert read(text.replace("name", "label")).y.shape == (3, 3)


@pytest.mark.parametrize("start", [0, 1])
def test_inputs_that_count_the_samples_are_mentioned(read, start):
    lines = "".join(f"{n + start},{(7 * n) % 5},{n % 2}\n" for n in range(4))
    said = "from column 3 (outcome); column 1 (id) counts the samples and is an input>"
    assert repr(read("id,a,outcome\n" + lines)).endswith(said)
    assert "counts" not in repr(read("id,a,outcome\n" + lines + "9,1,0\n"))


def test_whole_numbers_that_floats_round_and_numbers_that_they_lack_are_refused(read):
    assert read(f"{2**53},1,0\n{2**60},2,1\n").X[1, 0] == 2.0**60
    for text, sentence in {
        f"{2**53 + 1},1,0\n1,2,1\n": "has '9007199254740993' in line 1, column 1, a whole number",
        f"1,2,{2**60 + 1}\n3,4,{2**60 + 2}\n": "has '1152921504606846977' in line 1, column 3, a",
        "1,1,0\n1e400,2,1\n": "has '1e400' in line 2, column 1, which is not between -1.8e308 and",
        "1,1,0\n1,2,-1e999\n": "has '-1e999' in line 2, column 3, which is not between -1.8e308",
    }.items():
        with pytest.raises(InputError, match=sentence):
            read(text)


def test_a_label_column_that_is_no_text_is_refused(read):
    for column in (["c"], 3, {}):
        with pytest.raises(InputError, match=r"or a name of its header \(a, b, c\); got"):
            read(labelled("0110"), label_column=column)


CHROMOSOMES = [*map(str, range(1, 23)), "X", "Y"] * 2
PARTLY_NUMBERS = {
    "chromosomes": (CHROMOSOMES, "has 'X' in line 24, column 3 .c., which is not a number"),
    "grades": (["1a", "2", "K", "1a"], "has '2' in line 3, column 3 .c., a number among names"),
    "half": (["1", "x", "2", "y"], "has 'x' in line 3, column 3 .c., which is not a number"),
    "percent": (["5%", "7%", "5%"], "has '5%' in line 2, column 3 .c., which is not a number"),
}


@pytest.mark.parametrize("name", PARTLY_NUMBERS)
def test_classes_of_which_some_are_numbers_are_read_where_one_says_so(read, name):
    labels, sentence = PARTLY_NUMBERS[name]
    for encoding in ("auto", "numbers", "parity"):
        with pytest.raises(InputError, match=f"{sentence}; say labels='classes'"):
            read(labelled(labels), labels=encoding)
    found = read(labelled(labels), labels="classes")
    assert found.y.shape == (len(labels), len(set(labels)))
    levels = sorted(set(labels))
    assert found.y.argmax(axis=1).tolist() == [levels.index(label) for label in labels]


def test_neither_gaps_nor_headers_become_classes_by_an_option(read):
    with pytest.raises(InputError, match="has no value in line 4, column 3"):
        read(labelled(["a", "1", "-", "a"]), labels="classes")
    with pytest.raises(InputError, match="has 'country' in line 1, column 3, which is no") as said:
        read("2019,2020,country\n.1,.2,1\n.3,.4,2\n", labels="classes")
    assert "labels=" not in str(said.value)
