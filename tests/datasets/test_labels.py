"""Labels: what a column of them means, said in words, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catapult_sim import MLP
from catapult_sim.datasets import encode_labels, one_hot
from catapult_sim.validation import InputError

CLASSES = np.arange(40) % 10
MEANINGS = {
    "signs": ([-1, 1, 1], "binary", "labels -1 and +1", [[-1], [1], [1]]),
    "zero and one": ([0, 1, 0], "binary", "two labels, 0 as -1 and 1 as +1", [[-1], [1], [-1]]),
    "one and two": ([2.0, 1.0], "binary", "two labels, 1 as -1 and 2 as +1", [[1], [-1]]),
    "true": ([True, False], "binary", "two labels, False as -1 and True as +1", [[1], [-1]]),
    "names of lines": (
        ["b\nc", "a" * 99],
        "binary",
        "two labels, aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa... as -1 and b c as +1",
        [[1], [-1]],
    ),
    "two names": (["b", "a "], "binary", "two labels, a as -1 and b as +1", [[1], [-1]]),
    "bytes": (np.array([b"b", b"a"]), "binary", "two labels, a as -1 and b as +1", [[1], [-1]]),
    "text of numbers": (["0", "1"], "binary", "two labels, 0 as -1 and 1 as +1", [[-1], [1]]),
    "digits": (CLASSES, "classes", "10 classes (0 to 9), one-hot", np.eye(10)[CLASSES]),
    "from one": (CLASSES + 1.0, "classes", "10 classes (1 to 10), one-hot", np.eye(10)[CLASSES]),
    "column": (
        [[2], [0], [1], [1]],
        "classes",
        "3 classes (0, 1, 2), one-hot",
        np.eye(3)[[2, 0, 1, 1]],
    ),
    "names": (["c", "a", "b"], "classes", "3 classes (a, b, c), one-hot", np.eye(3)[[2, 0, 1]]),
    "rows": (np.eye(3)[[0, 1]], "classes", "3 classes, one-hot", np.eye(3)[[0, 1]]),
    "real": ([0.5, 1.5, 3], "numbers", "numbers to fit, from 0.5 to 3", [[0.5], [1.5], [3]]),
    "two reals": ([0.2, 0.7], "numbers", "numbers to fit, from 0.2 to 0.7", [[0.2], [0.7]]),
    "all differ": (
        np.arange(40),
        "numbers",
        "numbers to fit, from 0 to 39",
        np.arange(40)[:, None],
    ),
    "wide": ([0, 0, 700], "binary", "two labels, 0 as -1 and 700 as +1", [[-1], [-1], [1]]),
    "several": (
        [[1, 2.5], [2, 3]],
        "numbers",
        "2 numbers to fit for each sample",
        [[1, 2.5], [2, 3]],
    ),
    "one sample": ([3.0], "numbers", "numbers to fit, from 3 to 3", [[3]]),
}


@pytest.mark.parametrize("name", MEANINGS)
def test_what_labels_mean_is_decided_and_said(name):
    y, encoding, meaning, values = MEANINGS[name]
    found = encode_labels(y)
    assert (found.encoding, found.meaning) == (encoding, meaning)
    np.testing.assert_array_equal(found.values, values)


@pytest.mark.parametrize(
    ("y", "encoding", "values"),
    [
        ([0, 5, 9, 9], "classes", np.eye(3)[[0, 1, 2, 2]]),
        ([0, 5, 9, 9], "numbers", [[0], [5], [9], [9]]),
        ([0, 5, 9, 9], "parity", [[-1], [1], [1], [1]]),
        ([0.5, 1.5], "binary", [[-1], [1]]),
        ([0, 1], "classes", np.eye(2)),
        (["1", "X", "2"], "classes", np.eye(3)[[0, 2, 1]]),
        (np.array([1, "X", 2], object), "classes", np.eye(3)[[0, 2, 1]]),
        (["X", 1, "X"], "binary", [[1], [-1], [1]]),
        (np.eye(3)[[0, 1, 1]], "parity", [[-1], [1], [1]]),
        (np.eye(2)[[0, 1, 1]], "binary", [[-1], [1], [1]]),
    ],
)
def test_an_option_says_otherwise(y, encoding, values):
    np.testing.assert_array_equal(encode_labels(y, encoding).values, values)


REFUSED = {
    "gaps": ([0, 2, 5, 9, 9], "auto", "could be classes or numbers to fit: 4 different whole"),
    "ages": (
        [31, 40, 40, 52],
        "auto",
        "whole numbers from 31 to 52; say labels='classes', or labels",
    ),
    "constant": ([3, 3, 3], "auto", "must vary between samples; all 3 are 3"),
    "constant names": (["a", "a"], "classes", "must vary between samples; all 2 are a"),
    "constant rows": (
        [[0, 1], [0, 1]],
        "auto",
        r"must vary between samples; all 2 are \[0.0, 1.0\]",
    ),
    "constant column": ([[0, 1.5], [0, 2]], "auto", "column 1 of 2 is 0 in all 2"),
    "constant anyway": ([0, 0], "numbers", "must vary between samples; all 2 are 0"),
    "three signs": ([0, 1, 2], "binary", "binary labels must be two different ones; got 0, 1, 2"),
    "even": ([0, 2, 4], "parity", "parity needs odd and even labels; got 0, 2, 4"),
    "parity of names": (["a", "b"], "parity", "parity needs whole numbers for labels; got a, b"),
    "fractions": ([0.5, 1.5, 1.5], "classes", "classes must be names or whole numbers.*0.5, 1.5"),
    "names to fit": (["a", "b"], "numbers", "labels must be numbers to be fitted; got a, b"),
    "several signs": (
        [[0, 2.5], [1, 2]],
        "binary",
        "of 2 columns must be one-hot to be read as bin",
    ),
    "nothing": ([], "auto", r"labels must have shape \(m,\) or \(m, k\); got shape \(0,\)"),
    "nan": ([0, np.nan], "auto", "labels must be finite; got nan"),
    "no name": (["a", " "], "auto", "labels must all have a name; label 2 is empty"),
    "text of two kinds": (
        ["1", "X", "2"],
        "auto",
        "label 2 is 'X', which is not .*labels='classes'",
    ),
    "two kinds": (
        np.array([1, "X", 2], object),
        "auto",
        "label 2 is 'X', which is not a number; say",
    ),
    "a list of two kinds": (
        ["a", 3, "b", "a"],
        "numbers",
        "label 2 is '3', a number among names; say",
    ),
    "a gap of pandas": (np.array(["a", np.nan], object), "classes", "label 2 is 'nan'"),
    "a gap": (["a", "NA", "b"], "classes", "labels must all have a name; label 2 is 'NA'"),
    "a dash": (["a", "-", "b"], "classes", "labels must all have a name; label 2 is '-'"),
    "text of rounded numbers": ([str(2**53 + 1), "1"], "classes", f"floats hold; got {2**53 + 1}"),
    "masked names": (np.ma.array(["a", "b", "c"], mask=[0, 1, 0]), "auto", "got masked ones"),
    "complex": ([1j, 2], "auto", "labels must be an array of numbers"),
    "dates": (np.array(["2020-01-01"], "M8[D]"), "auto", "labels must be an array of numbers"),
    "masked": (np.ma.array([0.0, 1, 2], mask=[0, 1, 0]), "auto", "masked|numbers"),
    "mixed": ([1, None], "auto", "labels must be an array of numbers"),
    "a word": (
        [0, 1],
        "signs",
        "labels must be one of auto, binary, parity, classes, numbers; got",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_clear_is_refused_in_one_sentence(name):
    y, encoding, sentence = REFUSED[name]
    with pytest.raises(InputError, match=sentence):
        encode_labels(y, encoding)


@given(st.lists(st.integers(0, 9), min_size=20, max_size=60))
def test_class_numbers_are_never_fitted_as_numbers(labels):
    levels = sorted(set(labels))
    if levels not in ([*range(len(levels))], [*range(1, len(levels) + 1)]) and len(levels) != 2:
        with pytest.raises(InputError, match=r"could be classes or numbers|must vary"):
            encode_labels(labels)
        return
    if len(levels) == 1:
        return
    found = encode_labels(labels)
    assert found.encoding in ("binary", "classes")
    rank = np.array([levels.index(label) for label in labels])
    codes = found.values.argmax(axis=1) if found.encoding == "classes" else found.values[:, 0] > 0
    np.testing.assert_array_equal(codes, rank)


@given(st.lists(st.text(min_size=1), min_size=2), st.sampled_from(["auto", "classes"]))
def test_names_are_told_apart(names, encoding):
    try:
        values = encode_labels(names, encoding).values
    except InputError:
        return
    for i, j in np.ndindex(len(names), len(names)):
        same = names[i].strip() == names[j].strip()
        numbers = all(one.strip().isascii() and one.strip().isdecimal() for one in names)
        assert same == np.array_equal(values[i], values[j]) or numbers


def test_one_hot_rows_have_a_one_at_the_class():
    np.testing.assert_array_equal(one_hot([2, 0, 2]), np.eye(3)[[2, 0, 2]])
    np.testing.assert_array_equal(one_hot(np.array([[1.0], [0.0]]), 4), np.eye(4)[[1, 0]])


@pytest.mark.parametrize(
    ("labels", "classes", "sentence"),
    [
        ([0, 3], 3, "labels must be whole numbers from 0 to 2; got 3"),
        ([0.5], None, "labels must be whole numbers from 0 to 9999; got 0.5"),
        ([-1, 1], None, "got -1"),
        ([10**12], None, "got 1e[+]12"),
        (["cat"], None, "labels must be an array of numbers; got"),
        ([[1, 2]], None, r"labels must have shape \(m,\), m >= 1; got shape \(1, 2\)"),
        ([], None, r"m >= 1; got shape \(0,\)"),
        ([0], 0, "classes must be an integer of at least 1; got 0"),
    ],
)
def test_what_is_no_class_number_is_refused(labels, classes, sentence):
    with pytest.raises(InputError, match=sentence):
        one_hot(labels, classes)


def test_rows_that_memory_does_not_hold_are_refused_before_they_are_made():
    labels = np.zeros(10**7)
    labels[-1] = 9999
    for make in (one_hot, lambda y: encode_labels(y, "classes", classes=10_000)):
        with pytest.raises(InputError, match="one-hot labels requires 800 GB of memory"):
            make(labels)


def test_integers_that_floats_round_are_refused():
    exact = encode_labels([2**53, 2**60, 2**53])
    np.testing.assert_array_equal(exact.values, [[-1], [1], [-1]])
    unsigned = np.array([2**64 - 1, 3], dtype=np.uint64)
    for labels in (
        [2**60 + n for n in range(4)],
        [2**70 + 1, 2**70 + 2],
        [-(2**53) - 1, 0],
        unsigned,
    ):
        with pytest.raises(InputError, match="labels must be integers that floats hold, such as"):
            encode_labels(labels)


def test_a_network_of_ten_outputs_names_what_makes_labels_of_class_numbers():
    net, X = MLP([3, 4, 10]), np.zeros((40, 3))
    with pytest.raises(InputError, match=r"10 outputs; got data with 3 and 1 \(datasets.one_hot"):
        net.loss(net.init(rng=0), X, CLASSES)
    with pytest.raises(InputError, match=r"got data with 3 and 1$"):
        net.loss(net.init(rng=0), X, CLASSES + 0.5)
