"""NPZ files: arrays by the names that people give them, read without pickle."""

import io
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catapult_sim import datasets
from catapult_sim.datasets import load
from catapult_sim.validation import InputError

RNG = np.random.default_rng(0)
X, SIGNS = RNG.normal(size=(6, 3)), np.array([1.0, -1, 1, 1, -1, -1])


@pytest.mark.parametrize(
    ("inputs", "labels"),
    [
        ("X", "y"),
        ("x", "y"),
        ("x_train", "y_train"),
        ("X_train", "y_train"),
        ("train_images", "train_labels"),
        ("images", "labels"),
        ("data", "target"),
        ("arr_0", "arr_1"),
    ],
)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_usual_names_of_arrays_are_known(tmp_path, inputs, labels, save):
    save(tmp_path / "a.npz", **{inputs: X, labels: SIGNS, "x_test": X[:2], "more": X})
    found = load(tmp_path / "a.npz")
    np.testing.assert_array_equal(found.X, X)
    np.testing.assert_array_equal(found.y[:, 0], SIGNS)
    assert repr(found).endswith(
        f"labels -1 and +1, from the array {labels}; not read: x_test, more>"
    )


def test_images_are_laid_flat_and_bytes_are_grey_levels(tmp_path):
    images = RNG.integers(0, 256, (6, 2, 2), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", x_train=images, y_train=[0, 1, 2, 0, 1, 2])
    found = load(tmp_path / "a.npz")
    np.testing.assert_allclose(found.X, images.reshape(6, 4) / 255)
    assert found.y.shape == (6, 3)
    assert load(tmp_path / "a.npz", inputs="auto").inputs == "global"
    np.savez(tmp_path / "a.npz", images=images, labels=[31, 40, 31, 52, 40, 31])
    with pytest.raises(InputError, match="the array labels: labels could be classes or numbers"):
        load(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", X=X, y=SIGNS)
    assert load(tmp_path / "b.npz", inputs="auto").inputs == "pixel"


REFUSED = {
    "others": ({"a": X, "b": SIGNS}, "; it holds a, b"),
    "one": ({"X": X}, "must hold the arrays X and y, or x_train and y_train, "),
    "none": ({}, "or arr_0 and arr_1; it holds nothing"),
    "objects": ({"X": X, "y": SIGNS.astype(object)}, "has Python objects in y, which are not read"),
    "lengths": (
        {"X": X, "y": SIGNS[:2]},
        r"one row for each sample; got shapes \(6, 3\) and \(2,\)",
    ),
    "nan": ({"X": X * np.nan, "y": SIGNS}, r"X must be finite; got nan at index \(0, 0\)"),
    "flat": ({"X": X[:, 0], "y": SIGNS}, r"X must have shape \(m, d\)"),
    "complex": ({"X": X * 1j, "y": SIGNS}, "X must be an array of numbers; got"),
    "dates": ({"X": (X * 9).astype("M8[D]"), "y": SIGNS}, "X must be an array of numbers; got"),
    "text": ({"X": X.astype(str), "y": SIGNS}, "X must be an array of numbers; got"),
    "empty": ({"X": X[:0], "y": SIGNS[:0]}, "must have shape"),
    "X and x": ({"X": X, "x": X, "y": SIGNS}, "must hold one array called x; it holds X and x"),
    "y and Y": ({"X": X, "y": SIGNS, "Y": X}, "must hold one array called y; it holds y and Y"),
    "large labels": (
        {"X": X, "y": 2**60 + np.arange(6)},
        "labels must be integers that floats hold, such as all up to 9007199254740992; got 1152",
    ),
    "large inputs": (
        {"X": np.array([[2**62 + n] for n in range(6)]), "y": SIGNS},
        "X must be integers that floats hold.*got 4611686018427387905",
    ),
    "gaps": ({"X": X, "y": [0, 5, 9, 9, 0, 5]}, "the array y: labels could be classes or numbers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_archives_of_other_things_are_refused_in_one_sentence(tmp_path, name):
    arrays, sentence = REFUSED[name]
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=sentence) as refusal:
        load(tmp_path / "a.npz")
    assert "a.npz" in str(refusal.value)


@pytest.fixture
def archive(tmp_path):
    np.savez(tmp_path / "a.npz", X=X, y=SIGNS)
    return tmp_path / "a.npz"


def flagged(content, local, central, change):
    """Return an archive with a field of all its headers changed."""
    found = bytearray(content)
    for mark, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        at = found.find(mark)
        while at >= 0:
            found[at + offset] = change(found[at + offset])
            at = found.find(mark, at + 4)
    return bytes(found)


def test_encrypted_torn_and_oddly_packed_archives_get_a_sentence(archive):
    whole = archive.read_bytes()
    altered = {
        "is encrypted; save it without a password": flagged(whole, 6, 8, lambda flag: flag | 1),
        "must be packed as numpy.savez packs": flagged(whole, 8, 10, lambda _: 99),
        "must be a whole archive of numpy.savez; Bad CRC": whole.replace(X.tobytes()[:8], b"8" * 8),
        "must be a whole archive of numpy.savez; File is not": whole[:-30],
        r"must .*savez; File name .{,30}\.\.\.$": whole[:26] + bytes([200]) + whole[27:],
        "is not what numpy.savez writes": b"not a zip",
        "is not what numpy.savez writes$": b"PK",
    }
    for sentence, content in altered.items():
        archive.write_bytes(content)
        with pytest.raises(InputError, match=f"a.npz {sentence}"):
            load(archive)


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_any_altered_byte_is_noticed_or_harmless(tmp_path_factory, at, value):
    file = io.BytesIO()
    np.savez(file, X=X, y=SIGNS)
    content = bytearray(file.getvalue())
    content[at % len(content)] = value
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    path.write_bytes(content)
    try:
        found = load(path)
    except InputError:
        return
    np.testing.assert_array_equal(found.X, X)
    np.testing.assert_array_equal(found.y[:, 0], SIGNS)


HEADER = "{{'descr': {}, 'fortran_order': False, 'shape': {}}}"
HEADERS = [
    HEADER.format("'<f8'", shape)
    for shape in (
        "(10**12, 1000)",
        "(1000000000000, 1000)",
        "(99999999999999999999999, 3)",
        "(-6, 3)",
        "(True,)",
        "(4",
        "(" * 3000,
        "[" * 200,
        "-" * 9000 + "1",
        "None",
        "('a',)",
        "'\\d'",
    )
]
HEADERS += [
    HEADER.format(kind, "(6, 3)")
    for kind in (
        "None",
        "3",
        "'<f999'",
        "['a']",
        "[()]",
        "'|S99999999999999'",
        "'<M8[q]'",
        "''",
    )
]
HEADERS += ["", "{", "3", "\0", "{'descr': 1}"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("header", HEADERS)
def test_a_damaged_header_of_an_array_gets_a_sentence(archive, header, version):
    text = (header.ljust(100) + "\n").encode()
    size = len(text).to_bytes(2 if version == 1 else 4, "little")
    with zipfile.ZipFile(archive) as whole:
        labels = whole.read("y.npy")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("X.npy", b"\x93NUMPY" + bytes([version, 0]) + size + text + X.tobytes())
        file.writestr("y.npy", labels)
    with pytest.raises(InputError, match=r"a\.npz must be a whole archive of numpy\.savez; X: ."):
        load(archive)


def test_other_files_are_called_what_they_are(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as file:
        file.writestr("[Content_Types].xml", "")
    with pytest.raises(InputError, match=r"a\.xlsx is a spreadsheet or document; save it as CSV"):
        load(tmp_path / "a.xlsx")
    np.save(tmp_path / "a.npy", X)
    with pytest.raises(InputError, match=r"holds one array; numpy\.savez\(path, X=X, y=y\) saves"):
        load(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("iris.csv", "1,2,0\n3,4,1\n")
    with pytest.raises(
        InputError, match=r"a\.zip holds files, iris\.csv, and no arrays: unpack it"
    ):
        load(tmp_path / "a.zip")
    with pytest.raises(InputError, match="must be a readable file; File name too long"):
        load(tmp_path / ("a" * 300))
    for path in (tmp_path / "absent.csv", tmp_path / "absent.npz", tmp_path):
        with pytest.raises(InputError, match="must be a readable file; No such file"):
            load(path)
    with pytest.raises(
        InputError, match="data must be a path or one of digits, mnist, fashion-mni"
    ):
        load(3)
    with pytest.raises(
        InputError, match="the label column can be chosen in CSV files; got 'first'"
    ):
        load("digits", label_column="first")
    with pytest.raises(InputError, match="columns can be left out of CSV files; got 'a', digits"):
        load("digits", drop="a")


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
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Trap(mark)))
    for name in "ab":
        with pytest.raises(
            InputError, match=r"has Python objects in X|is not what numpy\.savez writes"
        ):
            load(tmp_path / f"{name}.npz")
    assert not mark.exists()


def test_a_data_set_is_a_pair_that_is_copied_with_its_words(archive):
    found = load(archive)
    again = pickle.loads(pickle.dumps(found))
    assert repr(again) == repr(found)
    assert (again.labels, again.inputs) == ("binary", "raw")
    for one, other in zip(again, found, strict=True):
        np.testing.assert_array_equal(one, other)


# Sampling -------------------------------------------------------------------------------------


def test_a_subset_has_no_row_twice_and_keeps_pairs():
    rows = np.arange(40.0).reshape(20, 2)
    chosen, labels = datasets.subset(rows, rows[:, 0] * 10, 12, rng=0)
    assert len(np.unique(chosen[:, 0])) == 12
    np.testing.assert_array_equal(labels, chosen[:, 0] * 10)
    again, _ = datasets.subset(rows, rows[:, 0], 12, rng=0)
    np.testing.assert_array_equal(chosen, again)


def test_a_subset_takes_lists():
    rows, labels = datasets.subset([[1, 2], [3, 4]], [5, 6], 1, rng=0)
    assert (rows[0, 0], labels[0]) in {(1, 5), (3, 6)}


@pytest.mark.parametrize(("rows", "labels"), [(np.ones((3, 2)), np.ones(2)), (1.0, 1.0)])
def test_a_subset_wants_a_label_for_every_sample(rows, labels):
    with pytest.raises(InputError, match="X and y must have one row for each sample; got shapes"):
        datasets.subset(rows, labels, 1)
