"""Images: the digits that scikit-learn ships, and files of MNIST and its kin."""

import gzip
import struct
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from catapult_sim import datasets
from catapult_sim.datasets import images
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
    alike, _ = datasets.digits(inputs="global")
    np.testing.assert_allclose(alike, (grey - grey.mean()) / grey.std(), atol=1e-12)


def test_labels_tell_the_same_digits():
    _, parity = datasets.digits()
    _, ten = datasets.digits("classes")
    _, number = datasets.digits("numbers")
    np.testing.assert_array_equal(ten.sum(axis=1), 1)
    np.testing.assert_array_equal(np.where(ten.argmax(axis=1) % 2 == 1, 1, -1), parity)
    np.testing.assert_array_equal(ten.argmax(axis=1), number)


@pytest.mark.parametrize("moved", [False, True])
def test_digits_are_those_that_scikit_learn_loads(moved, monkeypatch):
    if moved:  # a version that keeps the file elsewhere
        monkeypatch.setattr(images, "find_spec", lambda name: SimpleNamespace(origin="/no/where"))
    pixels, number = load_digits(return_X_y=True)
    X, y = datasets.digits("numbers", inputs="raw")
    np.testing.assert_array_equal(16 * X, pixels)
    np.testing.assert_array_equal(y, number)


def test_without_scikit_learn_the_digits_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(InputError, match=r"needs scikit-learn; .*: pip install scikit-learn$"):
        datasets.digits()


# IDX ------------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (7, 4, 6), dtype=np.uint8)
LABELS = np.array([5, 0, 4, 1, 9, 2, 1], dtype=np.uint8)
NAMES = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def idx(array, code=0x08, dtype=">u1"):
    """Return the bytes of an IDX file as its definition says."""
    sizes = b"".join(struct.pack(">I", size) for size in array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.astype(dtype).tobytes()


def write(folder, packed=True, images=IMAGES, labels=LABELS, names=NAMES):
    folder.mkdir(exist_ok=True)
    for name, array in zip(names, (images, labels), strict=True):
        content = idx(array)
        path = folder / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(content) if packed else content)
    return folder


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("asked", [*NAMES, ""], ids=["images", "labels", "folder"])
def test_images_are_read_with_their_labels(tmp_path, packed, asked):
    folder = write(tmp_path, packed)
    file = folder / (asked + ".gz" * packed) if asked else folder
    found = datasets.load(file)
    np.testing.assert_allclose(found.X, IMAGES.reshape(7, 24) / 255)
    np.testing.assert_array_equal(found.y, np.eye(10)[LABELS])
    assert "7 images of 24 inputs, as they are; 10 classes (0 to 9), one-hot" in repr(found)


@pytest.mark.parametrize(
    ("code", "dtype"), [(0x09, ">i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")]
)
def test_numbers_of_every_type_are_read(tmp_path, code, dtype):
    numbers = RNG.integers(-100, 100, (5, 2, 3))
    (tmp_path / "a-images-idx3").write_bytes(idx(numbers, code, dtype))
    (tmp_path / "a-labels-idx1").write_bytes(idx(np.arange(5) % 2))
    X, _ = datasets.load(tmp_path / "a-images-idx3", labels="binary")
    np.testing.assert_array_equal(X, numbers.reshape(5, 6))


def test_other_names_of_the_same_files_are_known(tmp_path):
    write(tmp_path, names=("emnist-train-images.idx3-ubyte", "emnist-train-labels.idx1-ubyte"))
    assert len(datasets.load(tmp_path / "emnist-train-images.idx3-ubyte.gz").X) == 7


def test_broken_image_files_get_one_sentence(tmp_path):
    images, labels = (write(tmp_path, False) / name for name in NAMES)
    whole = images.read_bytes()
    for wrong in (whole[:-1], whole + b"\0", whole[:9]):
        images.write_bytes(wrong)
        with pytest.raises(InputError, match=r"idx3-ubyte is incomplete or not IDX: shape"):
            datasets.load(images)
    images.write_bytes(whole)
    labels.write_bytes(idx(LABELS[:-1]))
    with pytest.raises(InputError, match=r"images \(m, h, w\) and labels \(m,\).*\(6,\)"):
        datasets.load(images)
    labels.unlink()
    with pytest.raises(InputError, match=r"holds images only; .* in train-labels-idx1-ubyte besi"):
        datasets.load(images)
    (tmp_path / "pictures").write_bytes(whole)
    with pytest.raises(InputError, match="needs the other file, of images or labels"):
        datasets.load(tmp_path / "pictures")
    (tmp_path / "x-images.gz").write_bytes(gzip.compress(whole)[:-9])
    with pytest.raises(InputError, match="must be a whole file packed by gzip"):
        datasets.load(tmp_path / "x-images.gz")


# MNIST and Fashion-MNIST ----------------------------------------------------------------------


@pytest.mark.parametrize("read", [datasets.mnist, datasets.fashion_mnist])
def test_a_folder_of_files_is_a_data_set(tmp_path, read):
    write(tmp_path)
    write(
        tmp_path,
        images=IMAGES[:3],
        labels=LABELS[:3],
        names=[n.replace("train", "t10k") for n in NAMES],
    )
    X, y = read(tmp_path, inputs="raw")
    np.testing.assert_allclose(X, IMAGES.reshape(7, 24) / 255)
    np.testing.assert_array_equal(y, np.eye(10)[LABELS])
    assert len(read(tmp_path, part="test").X) == 3
    parity = read(tmp_path, labels="parity").y
    np.testing.assert_array_equal(parity, np.where(LABELS % 2, 1, -1))
    assert read(tmp_path).X.std() == pytest.approx(1)
    small = read(tmp_path, inputs="raw", pool=2).X.reshape(7, 2, 3)
    for i, j in np.ndindex(2, 3):
        blocks = IMAGES[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        np.testing.assert_allclose(small[:, i, j], blocks.reshape(7, 4).mean(axis=1) / 255)
    with pytest.raises(InputError, match="pool must divide 4 and 6, the sides of an image; got 4"):
        read(tmp_path, pool=4)
    with pytest.raises(InputError, match="part must be one of train, test; got 'all'"):
        read(tmp_path, part="all")


def test_the_archive_of_keras_is_mnist(tmp_path):
    path = tmp_path / "mnist.npz"
    np.savez(path, x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:2], y_test=LABELS[:2])
    np.testing.assert_allclose(datasets.mnist(path, inputs="raw").X, IMAGES.reshape(7, 24) / 255)
    assert len(datasets.mnist(path, part="test").X) == 2
    assert len(datasets.load(path, labels="classes").X) == 7


def test_the_folder_that_was_given_to_torchvision_will_do(tmp_path):
    write(tmp_path / "raw").rename(tmp_path / "moved")
    (tmp_path / "FashionMNIST").mkdir()
    (tmp_path / "moved").rename(tmp_path / "FashionMNIST" / "raw")
    assert len(datasets.fashion_mnist(tmp_path).X) == 7
    with pytest.raises(InputError, match="mnist must be in"):
        datasets.mnist(tmp_path)


def test_images_that_are_none_are_refused(tmp_path):
    write(tmp_path, images=IMAGES.reshape(7, 24))
    for read in (datasets.mnist, datasets.load):
        with pytest.raises(InputError, match=r"must hold images \(m, h, w\) and labels.*\(7, 24\)"):
            read(tmp_path)


def test_where_files_are_not_found_the_ways_to_get_them_are_named(tmp_path):
    with pytest.raises(InputError, match=r"fashion-mnist must be in .*dataset-fashion-mnist, or"):
        datasets.fashion_mnist(tmp_path)
    with pytest.raises(InputError, match=r"mnist must be in .*fetch_openml\('mnist_784'\)"):
        datasets.mnist(tmp_path / "absent")


def test_fashion_mnist_is_what_its_authors_describe():
    """60 000 + 10 000 images of 28 x 28 pixels in ten classes of the same size."""
    try:
        test = datasets.fashion_mnist(part="test", inputs="raw")
    except InputError as refusal:
        pytest.skip(str(refusal))
    assert test.X.shape == (10000, 784)
    np.testing.assert_array_equal(test.y.sum(axis=0), 1000)
    assert test.X.mean() == pytest.approx(0.2860, abs=2e-3)  # as published of the others
