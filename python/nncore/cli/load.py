"""The data sets and models that commands are given."""

from __future__ import annotations

from nncore import DataError, Network
from nncore.datasets import Dataset, load
from nncore.datasets.mnist import find_mnist

from .arguments import CLASSES, PIXELS
from .output import layers_text

_NO_MNIST = (
    "MNIST is neither in the directory that NNCORE_DATA names nor in the cache, and fetching it "
    "failed ({fault}). Put its four files (train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, "
    "t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz) into a directory and give it as "
    "--data DIR or in NNCORE_DATA; or take digits that nncore draws itself: --data digits"
)


def load_data(source: str) -> Dataset:
    """The data set of that name or directory; its training and test images are not empty."""
    try:
        data = load(source)
    except (DataError, ImportError) as error:
        if source == "mnist" and find_mnist() is None:
            fault = str(error).partition(". Instead, ")[0]  # the library's advice has no place here
            raise DataError(_NO_MNIST.format(fault=fault)) from None
        raise
    for name, split in (("training", data.train), ("test", data.test)):
        if not len(split.y):
            raise DataError(f"{source}: expected {name} images, found none")
        if split.y.max() >= CLASSES:
            raise DataError(
                f"{source}: expected labels 0 to {CLASSES - 1}, found {split.y.max()} among the "
                f"{name} images; nncore.datasets.load_mnist takes them, for networks in Python"
            )
    return data


def load_model(path: str) -> Network:
    """The network in a file, which must take MNIST's images and know ten digits."""
    net = Network.load(path)
    if (net.sizes[0], net.sizes[-1]) != (PIXELS, CLASSES):
        raise ValueError(
            f"{path}: expected a network of {PIXELS} inputs and {CLASSES} outputs, "
            f"found {layers_text(net.sizes)}"
        )
    return net
