"""Data: the digits that scikit-learn ships, and files of one's own."""

import pickle
import sys

import numpy as np
import pytest

from catapult_sim import datasets
from catapult_sim.validation import InputError


def test_digits_are_standardised_pixel_by_pixel():
    X, y = datasets.digits()
    assert X.shape == (1797, 64)
    assert y.shape == (1797,)
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-13)
    varies = X.any(axis=0)
    np.testing.assert_allclose(X[:, varies].std(axis=0), 1)
    assert (~varies).sum() == 3  # pixels that are white in every image
    grey, _ = datasets.digits(inputs="raw")
    assert (grey.min(), grey.max()) == (0, 1)


def test_labels_tell_the_same_digits():
    _, parity = datasets.digits()
    _, ten = datasets.digits("classes")
    np.testing.assert_array_equal(ten.sum(axis=1), 1)
    np.testing.assert_array_equal(np.where(ten.argmax(axis=1) % 2 == 1, 1, -1), parity)


def test_a_subset_has_no_row_twice_and_keeps_pairs():
    X = np.arange(40.0).reshape(20, 2)
    chosen, labels = datasets.subset(X, X[:, 0] * 10, 12, rng=0)
    assert len(np.unique(chosen[:, 0])) == 12
    np.testing.assert_array_equal(labels, chosen[:, 0] * 10)
    again, _ = datasets.subset(X, X[:, 0], 12, rng=0)
    np.testing.assert_array_equal(chosen, again)


def test_files_are_read(tmp_path):
    X, y = np.arange(6.0).reshape(3, 2), np.array([1.0, -1.0, 1.0])
    np.savez(tmp_path / "a.npz", X=X, y=y)
    np.savetxt(tmp_path / "a.csv", np.column_stack([X, y]), delimiter=",")
    for name in ("a.npz", "a.csv"):
        inputs, labels = datasets.load(tmp_path / name)
        np.testing.assert_array_equal(inputs, X)
        np.testing.assert_array_equal(labels[:, 0], y)


def test_the_ending_of_a_file_may_be_in_capitals(tmp_path):
    (tmp_path / "A.CSV").write_text("1,2\n# a comment\n3,4\n")
    X, y = datasets.load(tmp_path / "A.CSV")
    np.testing.assert_array_equal(np.hstack([X, y]), [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("X", "sentence"),
    [
        ([[1.0, np.nan]], r"X must be finite; got nan at index \(0, 1\)"),
        ([], r"X must have shape \(m, d\)"),
        ([1.0, 2.0], r"X must have shape \(m, d\)"),
        ("text", "X must be an array of numbers; got 'text'"),
    ],
)
def test_what_cannot_be_standardised_is_refused(X, sentence):
    with pytest.raises(InputError, match=sentence):
        datasets.standardise(X)


def test_a_subset_takes_lists():
    X, y = datasets.subset([[1, 2], [3, 4]], [5, 6], 1, rng=0)
    assert (X[0, 0], y[0]) in {(1, 5), (3, 6)}


@pytest.mark.parametrize(("X", "y"), [(np.ones((3, 2)), np.ones(2)), (1.0, 1.0)])
def test_a_subset_wants_a_label_for_every_sample(X, y):
    with pytest.raises(InputError, match="X and y must have one row for each sample; got shapes"):
        datasets.subset(X, y, 1)


def write(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.txt", b"1,2", "data must be a file .npz or .csv; got .*a.txt"),
        ("data", b"1,2", r"data must be a file .npz or .csv; got .*data$"),
        ("a.csv", b"x,y\n1,2", r"string 'x' .*\(no header, commas between numbers\)$"),
        ("a.csv", b"1;2\n3;4", r"\(no header, commas between numbers\)$"),
        ("a.csv", b"# only a comment\n", "must be a readable file of numbers: it has no lines"),
        ("a.csv", b"1,2\n3", "must be a readable file of numbers"),
        ("a.csv", b"a,b", "must be a readable file of numbers"),
        ("a.csv", b"1,nan", "y must be finite; got nan"),
        ("a.csv", b"", "must be a readable file of numbers: it has no lines"),
        ("a.npz", b"not a zip", "of numbers: it is not what numpy.savez writes"),
        ("a.npz", b"PK\x03\x04torn", "must be a readable file of numbers"),
    ],
)
def test_broken_files_are_refused_in_one_sentence(tmp_path, name, content, sentence):
    with pytest.raises(InputError, match=sentence):
        datasets.load(write(tmp_path / name, content))


def test_missing_files_and_arrays_are_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"absent\.csv must be a readable file of numbers: No such"
    ):
        datasets.load(tmp_path / "absent.csv")
    np.savez(tmp_path / "a.npz", x=np.ones(3))
    with pytest.raises(InputError, match="must hold the arrays X and y"):
        datasets.load(tmp_path / "a.npz")


class Trap:
    """Unpickling this would leave a mark."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_npz_is_never_unpickled(tmp_path):
    mark = tmp_path / "mark"
    trapped = np.empty(1, dtype=object)
    trapped[0] = Trap(mark)
    np.savez(tmp_path / "a.npz", X=trapped, y=np.ones(1), allow_pickle=True)
    with pytest.raises(InputError, match="must be a readable file of numbers"):
        datasets.load(tmp_path / "a.npz")
    write(tmp_path / "b.npz", pickle.dumps(Trap(mark)))
    with pytest.raises(InputError, match="must be a readable file of numbers"):
        datasets.load(tmp_path / "b.npz")
    assert not mark.exists()


def test_without_scikit_learn_the_digits_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(InputError, match=r"pip install 'catapult_sim\[digits\]'"):
        datasets.digits()
