"""CSV files as people have them: read where the reading is clear, else refused with the line."""

import csv
import gzip
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catapult_sim.datasets import load
from catapult_sim.validation import InputError

ROWS = [[1.5, -2.0, 0.25, 0.0], [4.0, 5.5, 6.0, 1.0], [7e-3, 8.0, 8.125, 1.0]]
SIGNS = [[-1.0], [1.0], [1.0]]


def text_of(separator=",", decimal=".", end="\n", quote=""):
    """Return the rows as text, written by hand."""
    lines = [
        separator.join(f"{quote}{value:g}{quote}".replace(".", decimal) for value in row)
        for row in ROWS
    ]
    return end.join(lines) + end


@pytest.fixture
def read(tmp_path):
    def reading(content, name="data.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load(path, **options)

    return reading


HEADER = "a,b,c,label\n"
SAME = {
    "plain": text_of(),
    "Windows": text_of(end="\r\n"),
    "old Macintosh": text_of(end="\r"),
    "byte order mark": "\ufeff" + text_of(),
    "UTF-16": text_of("\t").encode("utf-16"),
    "semicolons": text_of(";"),
    "tabs": text_of("\t"),
    "spaces": text_of("   "),
    "space after commas": text_of(", "),
    "tabs and spaces": "1.5\t-2  0.25\t0\n4\t5.5  6\t1\n.007\t8  8.125\t1\n",
    "tabs and single spaces": "1.5\t-2 0.25\t0\n4\t5.5 6\t1\n.007\t8 8.125\t1\n",
    "spaces, then both": "u\tv\tw\ty\n"
    + text_of("\t").replace("\t", "  ", 3).replace("5.5\t", "5.5 "),
    "quotes between spaces": text_of("  ", quote='"'),
    "bars": text_of("|"),
    "quotes": text_of(quote='"'),
    "decimal commas": text_of(";", ","),
    "decimal commas, tabs": text_of("\t", ","),
    "decimal commas, bars": text_of("|", ","),
    "decimal commas, quotes and bars": "a|b|c|label\n" + text_of("|", ",", quote='"'),
    "decimal commas, spaces": text_of("  ", ",").replace("  -2  ", "  -2,0  "),
    "quoted decimal commas": text_of(";", ",", quote='"'),
    "header": HEADER + text_of(),
    "quoted header": '"a, first","b","c","label"\n' + text_of(),
    "marked header": "\ufeff" + HEADER + text_of(),
    "header of savetxt": "# a,b,c,label\n" + text_of(),
    "comments": "# made in a laboratory\n" + text_of() + "# the end\n",
    "comments with commas": "# made in 2020, Rome\n" + text_of() + "# the end,,,\n",
    "a comment before the numbers": "# 1,2,3,4\n" + text_of(),
    "comments between spaces": "# made in a laboratory\n" + text_of(" ") + "# this is the end\n",
    "comments after numbers": text_of(end=" # measured twice\n"),
    "comments after numbers between spaces": text_of("  ", end=" #twice, sure\n"),
    "comments after decimal commas": text_of(";", ",", end=" # it, too\n"),
    "an indented comment": text_of(";").replace("\n", "\n  # the first, so far\n", 1),
    "a comment with a decimal comma": "# above 0,5 only\n" + text_of("  "),
    "separator is told": "sep=;\n" + text_of(";"),
    "no end": text_of().rstrip(),
    "blank lines": "\n" + text_of(end="\n\n"),
    "empty rows of a spreadsheet": text_of() + ",,,\n,,,\n",
    "separator at the end": text_of(end=",\n"),
    "index of pandas": ",a,b,c,label\n"
    + "".join(f"{n},{row}\n" for n, row in enumerate(text_of().split())),
    "numbers for names": "0,1,2,label\n" + text_of(),
    "gzip": gzip.compress(text_of().encode()),
}


@pytest.mark.parametrize("name", SAME)
def test_one_table_is_read_however_it_is_written(name, read):
    X, y = read(SAME[name])
    np.testing.assert_array_equal(X, np.array(ROWS)[:, :-1])
    np.testing.assert_array_equal(y, SIGNS)


FIRST = "".join(f"{row[3]:g},{row[0]},{row[1]},{row[2]}\n" for row in ROWS)


@pytest.mark.parametrize(
    "header", ["label,a,b,c\n", "Target,a,b,c\n", "y,a,b,c\n", '"class","a","b","c"\n']
)
def test_a_label_that_comes_first_is_known_by_its_name(header, read):
    found = read(header + FIRST)
    np.testing.assert_array_equal(found.X, np.array(ROWS)[:, :-1])
    np.testing.assert_array_equal(found.y, SIGNS)
    assert "from column 1 (" in repr(found)


@pytest.mark.parametrize("column", ["first", "1", "quality"])
def test_the_label_column_can_be_said(column, read):
    X, y = read("quality,a,b,c\n" + FIRST, label_column=column)
    np.testing.assert_array_equal(X, np.array(ROWS)[:, :-1])
    np.testing.assert_array_equal(y, SIGNS)


def test_names_of_classes_are_labels_wherever_they_stand(read):
    flowers = ["5.1,3.5,setosa", "7,3.2,versicolor", "6.3,3.3,virginica", "4.9,3,setosa"]
    for lines in (flowers, [",".join(line.split(",")[::-1]) for line in flowers]):
        for header in ("", "u,v,w\n"):
            found = read(header + "\n".join(lines))
            assert sorted(found.X[0]) == [3.5, 5.1]
            np.testing.assert_array_equal(found.y.argmax(axis=1), [0, 1, 2, 0])
            assert "3 classes (setosa, versicolor, virginica), one-hot" in repr(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2,0\n#4,5\n3,4,1\n", "; a comment in line 2 is left out>"),
        ("1 2 0\n# 4 5 6 7\n3 4 1\n", "; a comment in line 2 is left out>"),
        ("# 1,2,0\na,b,y\n3,4,1\n5,6,0\n#\n", "; comments in lines 1 and 5 are left out>"),
        ("1,2,0 # was 3\n3,4,1\n", "; a comment in line 1 is left out>"),
        ("1 2 0 #5 6\n\n3 4 1 # 7\n", "; comments in lines 1 and 3 are left out>"),
        ("1,2,0\n3,4,1\n" + "# 5\n" * 7, "; comments in 7 lines, 3 to 9, are left out>"),
        ("# a,b,y\n3,4,1\n5,6,0\n", "from column 3 (y)>"),
        ("#label,400,410\n1,.1,.2\n0,.3,.4\n", "from column 1 (label)>"),
    ],
)
def test_what_is_left_out_is_said(text, said, read):
    found = read(text)
    assert repr(found).endswith(said)
    assert len(found.X) == 2


@given(st.lists(st.sampled_from(["1,2,0", "3,4,1", "#", "# 5", "#6,7", "#1,2,3,4", "5"])))
def test_every_line_is_a_sample_or_said_or_refused(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_text("\n".join(["1,2,1", *lines, "1,2,0"]))
    if "5" in lines:
        place = 2 + lines.index("5")
        with pytest.raises(InputError, match=f"has 1 value in line {place}, and 3 in line 1"):
            load(path)
        return
    found = load(path)
    comments = [n for n, line in enumerate(lines, 2) if line[0] == "#"]
    assert len(found.X) == len(lines) + 2 - len(comments)
    assert ("left out" in repr(found)) == bool(comments)
    assert all(str(n) in repr(found).rpartition("comment")[2] for n in comments[-1:])


DIGITS = [f"{n % 10},{n * 7 % 256},{n * 13 % 256}" for n in range(40)]  # label first, as of Kaggle


def test_commas_with_spaces_separate_whole_numbers(read):
    found = read("x0, out\n503, -1\n628, 1\n")
    assert (found.X.tolist(), found.y.tolist()) == ([[503], [628]], [[-1], [1]])
    found = read("0,5 1,5 cat\n0,7 1,0 dog\n")
    assert found.X.tolist() == [[0.5, 1.5], [0.7, 1.0]]


def test_a_class_may_have_a_number_sign(read):
    assert read("1,2,C #\n3,4,#\n5,6,C #\n").y[:, 0].tolist() == [1, -1, 1]


def test_digits_with_the_label_first_are_never_read_with_the_last_pixel_as_label(read):
    named = read("label,p0,p1\n" + "\n".join(DIGITS))
    np.testing.assert_array_equal(named.y.argmax(axis=1), np.arange(40) % 10)
    blank = read("\n".join(f"{line},0" for line in DIGITS))  # the last pixel is always 0
    np.testing.assert_array_equal(blank.y.argmax(axis=1), np.arange(40) % 10)
    np.testing.assert_array_equal(blank.X[:, :2], named.X)
    with pytest.raises(
        InputError, match="could be classes in column 1 and others in column 3, the"
    ):
        read("\n".join(DIGITS))
    chosen = read("\n".join(DIGITS), label_column="first")
    np.testing.assert_array_equal(chosen.y, named.y)


REFUSED = {
    "missing": ("1,2,0\n\n# c\n3,,1\n", "has no value in line 4, column 2: fill it in, or delete"),
    "NA": ("a,b,label\n1,2,0\n3,NA,1\n", r"has no value in line 3, column 2 \(b\)"),
    "nan": ("1,2,0\n3,nan,1\n", "has no value in line 2, column 2"),
    "missing label": ("1,2,0\n3,4,?\n5,6,1\n", "has no value in line 2, column 3"),
    "infinite": ("1,2,0\n3,inf,1\n", "has 'inf' in line 2, column 2, which is not between"),
    "infinite label": ("1,2,0\n3,1,-inf\n", "has '-inf' in line 2, column 3, which is not"),
    "underscore": ("1,2,0\n3,1_0,1\n", "has '1_0' in line 2, column 2, which is not a number"),
    "a typing error": ("1,2,0\n3,4o,1\n", "has '4o' in line 2, column 2, which is not a number"),
    "in the first line": ("1x,2,0\n3,4,1\n", "has '1x' in line 1, column 1, which is not a number"),
    "after a comment": ("#\r\n1,2,0\r\n3,b,1\r\n", "has 'b' in line 3, column 2, which is not"),
    "after quoted lines": (
        '"a\nb","c","label"\n1,2,0\n3,oops,1\n',
        "has 'oops' in line 4, column 2",
    ),
    "short": ("1,2,0\n3,4\n5,6,1\n", "has 2 values in line 2, and 3 in line 1"),
    "longer": ("1,2,0\n3,4,1,1\n", "has 4 values in line 2, and 3 in line 1"),
    "points and commas": ("1,5;2;0\n2.5;3;1\n", "'2.5' in line 2, column 1, a decimal point, and"),
    "a class of #": ("label,a,b\n#x,2,3\ny,2,4\n", "begins line 2 with #, as comments do, but"),
    "a later class of #": ("x,2,3\ny,2,4\n#x,1,1\n", "begins line 3 with #, as comments do, but"),
    "a named row of #": ("a,y\nr,1,cat\n#s,2,dog\n", "begins line 3 with #, as comments do, but"),
    "a quoted row of #": ('1,2,0\n#"3","4","1"\n', "begins line 2 with #, as comments do, but"),
    "a mark before a value": (
        "a,y\n#N/A,0\n2,1\n",
        "has no value in line 2, column 1 .a.: fill it",
    ),
    "a comment of numbers": ("1 2 0\n3 4 1\n# 3 4 1\n", "begins line 3 with #, as comments do"),
    "classes of # between spaces": ("1 2 #x\n3 4 #y\n", "has lines that end in a word with #, a"),
    "spaces in a later line": ("1\t2\n2\t3\n3\t4 1\n", "has '4 1' in line 3, column 2, which is"),
    "spaces and semicolons": ("1;2 0\n2;3 1\n", "has '2 0' in line 1, column 2, which is not a"),
    "long": (
        "1,2," + "x" * 140_000 + "\n",
        "has a value of more than 131072 characters in line 1; ",
    ),
    "open quote": (
        '1,2,0\n"' + "3,4,1\n" * 30_000,
        "more than 131072 characters in line 2.*quote left",
    ),
    "a commented sample above the header": (
        "#1,2,0\na,b,y\n3,4,1\n5,6,0\n",
        "begins line 1 with #, as comments do, but",
    ),
    "a value like a separator that is told": ("a,b\nu,1\nsep=,2\nu,3\nu,\n", "no value in line 5"),
    "quote": ('1,2,0\n"3,4,1\n', "has quotes that do not fit in line 2"),
    "words": ("a,b\nc,d\n", r"has 'c' in line 2, column 1 \(a\), which is not a number"),
    "nothing": ("", "has no lines of numbers"),
    "a comment": ("# only a comment\n", "has no lines of numbers"),
    "a header": ("a,b,label\n", "has no lines of numbers"),
    "one column": ("1\n2\n", "has one value in line 1; needed are inputs and a label, with commas"),
    "constant label": ("1,2,3\n2,4,3\n", "column 3: labels must vary between samples; all 2 are 3"),
    "two labels": (
        "label,a,class\n0,1,1\n1,2,0\n",
        r"column 1 \(label\) and column 3 \(class\); say",
    ),
    "binary": (bytes(range(256)), "is neither text nor an archive of numpy.savez nor an IDX file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_its_line(name, read):
    content, sentence = REFUSED[name]
    with pytest.raises(InputError, match=sentence) as refusal:
        read(content)
    assert "data.csv" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("column", ["0", "5", "b ", "middle"])
def test_a_label_column_that_is_not_there_is_refused(column, read):
    with pytest.raises(InputError, match=r"first, last, a number up to 4, or a name of its header"):
        read(HEADER + text_of(), label_column=column)


WIDE = "id,name,a,b,kind\n7,ann,1,2,0\n8,bob,3,4,1\n9,cyd,5,6,1\n"


@pytest.mark.parametrize("drop", ["id,name", " name , id", "1,2", "2, id", "id,id,name,1"])
def test_columns_are_left_out_by_name_or_by_number(drop, read):
    found = read(WIDE, drop=drop)
    assert found.X.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert found.y.tolist() == SIGNS
    assert found.meaning.endswith("from column 5 (kind); without column 1 (id), column 2 (name)")


def test_the_last_column_is_the_last_that_is_not_left_out(read):
    found = read(WIDE, drop="name,kind")
    assert found.y.tolist() == [[2], [4], [6]]
    assert found.X.tolist() == [[7, 1], [8, 3], [9, 5]]


def test_a_column_whose_name_has_a_comma_is_left_out_and_all_of_one_name(read):
    text = '"a, first",b,b,c,y\n1,x,2,3,0\n4,y,5,6,1\n7,z,8,9,1\n'
    assert read(text, drop="b").X.tolist() == [[1, 3], [4, 6], [7, 9]]
    with pytest.raises(InputError, match="which is not a number; leave the column out by drop='b'"):
        read(text, drop="a, first")


def test_columns_without_a_header_are_left_out_by_number(read):
    assert read("5,x9,1,0\n6,x8,2,1\n7,x7,3,1\n", drop="1,2").X.tolist() == [[1], [2], [3]]


@pytest.mark.parametrize(
    ("drop", "words"),
    [
        ("idd", "left out: the nearest is id; got 'idd'"),
        ("id,NAMES", "left out: the nearest is name; got 'NAMES'"),
        ("zzz", r"numbers up to 5, or names of the header \(id, name, a, b, kind\); got 'zzz'"),
        ("6", "numbers up to 5"),
        ("0", "numbers up to 5"),
        ("", "numbers up to 5"),
        (3, "numbers up to 5"),
        ("id,,a", "numbers up to 5"),
        ("id,name,a,b", "has 1 column besides those left out; needed are inputs and a label"),
        ("1,2,3,4,5", "has 0 columns besides those left out"),
    ],
)
def test_columns_that_cannot_be_left_out_are_refused(drop, words, read):
    with pytest.raises(InputError, match=words):
        read(WIDE, drop=drop)


def test_a_label_column_that_is_left_out_is_refused(read):
    with pytest.raises(InputError, match=r"a name of its header \(name, a, b, kind\); got 'id'"):
        read(WIDE, drop="id", label_column="id")


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TABLES = st.integers(1, 4).flatmap(
    lambda d: st.lists(st.lists(NUMBERS, min_size=d, max_size=d), min_size=2, max_size=6)
)


@given(
    TABLES,
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_any_numbers_come_back_bit_for_bit(
    tmp_path_factory, table, separator, quoting, end, header
):
    file, d = io.StringIO(), len(table[0])
    writer = csv.writer(file, delimiter=separator, quoting=quoting, lineterminator=end)
    if header:
        writer.writerow([*(f"x{n}" for n in range(d)), "label"])
    writer.writerows([*row, n % 2 * 2 - 1] for n, row in enumerate(table))
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_text(file.getvalue(), newline="")
    found = load(path)
    np.testing.assert_array_equal(found.X, table)
    np.testing.assert_array_equal(found.y[:, 0], np.arange(len(table)) % 2 * 2 - 1)


def read_or_refuse(path):
    """Return the data set, or the words of the refusal."""
    try:
        return load(path)
    except InputError as refusal:
        return str(refusal)


def is_read_or_refused(folder, content):
    (folder / "a.csv").write_bytes(content)
    found = read_or_refuse(folder / "a.csv")
    if isinstance(found, str):
        assert len(found.splitlines()) == 1
    else:
        assert len(found.X) == len(found.y)
        assert np.isfinite(found.X).all()


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_whatever_a_file_holds_it_is_read_or_refused_in_one_sentence(tmp_path_factory, content):
    is_read_or_refused(tmp_path_factory.mktemp("any"), content)


PARTS = [
    "1",
    "2.5",
    "1,5",
    "x",
    "",
    "label",
    "nan",
    '"',
    ",",
    ";",
    "\t",
    "\n",
    "\r",
    "#",
    " ",
    "sep=;",
]


@given(st.lists(st.sampled_from(PARTS)).map("".join))
def test_so_is_what_looks_nearly_like_a_table(tmp_path_factory, text):
    is_read_or_refused(tmp_path_factory.mktemp("nearly"), text.encode())
