"""Distortions of images, drawn anew for each row in each epoch, for `fit(augment=...)`.

Each class below is one kind; + makes one augmentation of several, in whatever order:

>>> from nncore.augment import Affine, Elastic, Noise, Thickness
>>> distortions = Elastic(36, sigma=6) + Affine(rotation=15, scaling=0.15, shear=0.15, shift=1.5)

`net.fit(x, y, augment=distortions)` trains on distorted rows, the rows x themselves staying as they
are; what is measured is never distorted. The core draws the distortions while it trains, on all
threads. What a row becomes depends on the network's seed, the epoch and the row's number alone: a
run that is repeated, or stopped and resumed, sees the same images to the last bit, at any number of
threads and on every processor.

To look at them: `apply` distorts an array as `fit` does, and `sheet` draws many versions of a few
images, as an array or into a file.

>>> import numpy as np
>>> image = np.zeros((1, 64), np.float32)
>>> image[0, 20:44] = 1.0
>>> distortions.apply(image, seed=1, epoch=5).shape
(1, 64)

Rows are images row by row, (height, width) or (height, width, channels) of them; square ones with
one channel need not say so by `shape`. The strokes' thickness changes first. Then the image is
moved: scaled, sheared, turned about its middle, shifted and bent, all in one step, between pixels
bilinearly. Noise comes last.

`fill` is what lies outside of an image, 0 if nothing is said, or "nearest" for the pixel at its
edge. It is in the units of x's elements, as noise is: of uint8 rows in those of the bytes, also
where `nncore.data.Scaled` scales them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore import _core
from nncore._support.checks import integer, real
from nncore._support.files import replace_file
from nncore._support.names import check_name
from nncore.data.scaled import Scaled

__all__ = [
    "Affine", "Augmentation", "Elastic", "Noise", "Thickness", "from_numbers", "sheet",
]  # fmt: skip

Shape = tuple[int, ...]


class Augmentation:
    """One kind of distortion, or several of them added up."""

    shape: Shape | None
    fill: float | str | None

    @property
    def parts(self) -> tuple[Augmentation, ...]:
        """The kinds that it is the sum of."""
        return (self,)

    def _numbers(self) -> dict[str, float]:
        """What the core calls the numbers of this kind."""
        raise NotImplementedError

    def __add__(self, other: object) -> Augmentation:
        if not isinstance(other, Augmentation):
            return NotImplemented
        return _Sum(self.parts + other.parts)

    def numbers(self) -> dict[str, float]:
        """All numbers as the core takes them; see nncore/augmentation.hpp."""
        numbers = self._numbers()
        if self.fill == "nearest":
            numbers["nearest"] = 1.0
        elif self.fill is not None:
            numbers["fill"] = float(self.fill)
        if self.shape is not None:
            sizes = zip(("height", "width", "channels"), self.shape, strict=False)
            numbers |= {name: float(size) for name, size in sizes}
        return numbers

    def apply(self, x: ArrayLike, *, seed: int = 0, epoch: int = 0, first_row: int = 0) -> Any:
        """Images x as `fit` would train on them in this epoch of a network with this seed.

        Args:
            x: (n, inputs), (n, height, width) or (n, height, width, channels), of any real dtype,
                or a `nncore.data.Scaled` array.
            seed, epoch: those of the network.
            first_row: the number of x's first row among those that the network is trained on.

        Returns:
            An array of x's shape: float64 for float64, else float32.

        Raises:
            ValueError, TypeError: x is of another shape than the augmentation says, sparse, or no
                numbers.
        """
        keys = {
            "seed": integer("seed", seed, low=0, high=2**64 - 1),
            "epoch": integer("epoch", epoch, low=0, high=2**64 - 1),
            "first_row": integer("first_row", first_row, low=0, high=2**35),
        }
        if hasattr(x, "tocsr"):
            raise TypeError("x is a sparse matrix; images that are distorted must be a dense array")
        rows: Any = x if isinstance(x, Scaled) else np.asarray(x)
        if len(rows.shape) not in (2, 3, 4):
            raise ValueError(
                f"x has shape {rows.shape}; expected (n, inputs), (n, height, width) or "
                "(n, height, width, channels)"
            )
        shape = rows.shape
        images: Augmentation = self
        if len(shape) > 2:
            if self.shape is not None and _full(self.shape) != _full(shape[1:]):
                raise ValueError(f"x has shape {shape}; the augmentation is of {self.shape}")
            images = self + _OfShape(shape[1:])
        if not isinstance(rows, Scaled):
            rows = rows.reshape(shape[0], int(np.prod(shape[1:])))
        double = not isinstance(rows, Scaled) and rows.dtype == np.float64
        distorted = _core.augment(rows, rows.shape[1], images.numbers(), in_double=double, **keys)
        return distorted.reshape(shape)


@dataclass(frozen=True, repr=False, eq=True)
class _Sum(Augmentation):
    """Several kinds, each of which comes once."""

    kinds: tuple[Augmentation, ...]

    def __post_init__(self) -> None:
        types = [type(part) for part in self.kinds]
        for kind in types:
            if types.count(kind) > 1 and kind is not _OfShape:
                raise ValueError(f"an augmentation has one {kind.__name__} at most; found two")
        _ = self.shape, self.fill

    @property
    def parts(self) -> tuple[Augmentation, ...]:
        return self.kinds

    @property
    def shape(self) -> Shape | None:  # type: ignore[override]
        shape: Shape | None = _common("shape", [_full(part.shape) for part in self.kinds])
        return shape

    @property
    def fill(self) -> float | str | None:  # type: ignore[override]
        fill: float | str | None = _common("fill", [part.fill for part in self.kinds])
        return fill

    def _numbers(self) -> dict[str, float]:
        numbers: dict[str, float] = {}
        for part in self.kinds:
            numbers |= part._numbers()
        return numbers

    def __repr__(self) -> str:
        return " + ".join(map(repr, self.kinds))


NUMBERS = (
    "elastic", "sigma", "rotation", "scaling", "shear", "shift", "thinner", "thicker", "noise",
    "fill", "nearest",
)  # fmt: skip
"""What the core, C and the command line call the numbers of an augmentation."""


def from_numbers(numbers: Mapping[str, float]) -> Augmentation:
    """The augmentation with these numbers: those of `Augmentation.numbers()`, or of a trainer.

    A checkpoint keeps them, so that who resumes a run can train on with the same distortions:

    >>> from_numbers({"rotation": 15.0, "shift": 2.0}).numbers()["rotation"]
    15.0

    Raises:
        ValueError: a name is not one of `NUMBERS`, height, width and channels, or a number is out
            of its range.
    """
    for name in numbers:
        check_name("number of an augmentation", name, [*NUMBERS, "height", "width", "channels"])

    def of(name: str) -> float:
        return numbers.get(name, 0.0)

    fill = "nearest" if of("nearest") else numbers.get("fill")
    shape = None
    if of("height"):
        shape = tuple(int(numbers.get(name, 1)) for name in ("height", "width", "channels"))
    return (
        Elastic(of("elastic"), numbers.get("sigma", 6.0), shape=shape, fill=fill)
        + Affine(of("rotation"), of("scaling"), of("shear"), of("shift"))
        + Thickness(of("thinner"), of("thicker"))
        + Noise(of("noise"))
    )


def _full(shape: Shape | None) -> Shape | None:
    return None if shape is None else (*shape, 1)[:3]


def _common(name: str, values: list[Any]) -> Any:
    """The one value of all that say one."""
    said = [value for value in values if value is not None]
    for value in said:
        if value != said[0]:
            raise ValueError(f"two kinds of an augmentation have {name} {said[0]} and {value}")
    return said[0] if said else None


def _checked_shape(shape: object) -> Shape | None:
    if shape is None:
        return None
    sizes = tuple(shape) if isinstance(shape, (tuple, list)) else ()
    if len(sizes) not in (2, 3):
        raise ValueError(
            f"shape must be (height, width) or (height, width, channels), got {shape!r}"
        )
    return tuple(integer("shape", size, low=1, high=2**28) for size in sizes)


def _checked_fill(fill: object) -> float | str | None:
    if fill is None or fill == "nearest":
        return fill
    if isinstance(fill, str):
        raise ValueError(f"fill must be a number or 'nearest', got {fill!r}")
    return real("fill", fill, low=-1e30, high=1e30)


def _set(self: Augmentation, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(self, name, value)


@dataclass(frozen=True)
class _OfShape(Augmentation):
    """Distorts nothing: says what shape images have."""

    shape: Shape | None
    fill: float | str | None = None

    def _numbers(self) -> dict[str, float]:
        return {}


@dataclass(frozen=True)
class Elastic(Augmentation):
    """Bends images: random displacements, smoothed by a Gaussian.

    Simard, Steinkraus and Platt, *Best Practices for Convolutional Neural Networks* (2003): each
    pixel gets a number between -1 and 1 for each direction; these are smoothed by a Gaussian of
    `sigma` pixels (1 or more), and multiplied by `alpha`. A pixel then moves by 0.163 alpha / sigma
    pixels, in the standard deviation, together with its neighbours as far as sigma.

    The random numbers are drawn on a grid of sigma pixels, not for every pixel; the displacements'
    covariance is the same to one part in a thousand.

    >>> Elastic(34, sigma=4)
    Elastic(alpha=34.0, sigma=4.0, shape=None, fill=None)
    """

    alpha: float = 36.0
    sigma: float = 6.0
    shape: Shape | None = None
    fill: float | str | None = None

    def __post_init__(self) -> None:
        _set(
            self,
            alpha=real("alpha", self.alpha, high=1e6),
            sigma=real("sigma", self.sigma, low=1.0, high=1e6),
            shape=_checked_shape(self.shape),
            fill=_checked_fill(self.fill),
        )

    def _numbers(self) -> dict[str, float]:
        return {"elastic": self.alpha, "sigma": self.sigma}


@dataclass(frozen=True)
class Affine(Augmentation):
    """Turns, scales, shears and shifts images, each by a number between two bounds.

    Args:
        rotation: at most so many degrees about the middle, either way; up to 180.
        scaling: factors from 1 - scaling to 1 + scaling, of height and width apart; up to 0.9.
        shear: how many columns a row is moved against the next, at most, either way.
        shift: how many pixels at most, in each direction.
        shape: of an image, (height, width) or (height, width, channels).
        fill: what lies outside of it, a number or "nearest".

    >>> Affine(rotation=15, scaling=0.15).rotation
    15.0
    """

    rotation: float = 0.0
    scaling: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    shape: Shape | None = None
    fill: float | str | None = None

    def __post_init__(self) -> None:
        _set(
            self,
            rotation=real("rotation", self.rotation, high=180.0),
            scaling=real("scaling", self.scaling, high=0.9),
            shear=real("shear", self.shear, high=10.0),
            shift=real("shift", self.shift, high=1e6),
            shape=_checked_shape(self.shape),
            fill=_checked_fill(self.fill),
        )

    def _numbers(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in ("rotation", "scaling", "shear", "shift")}


@dataclass(frozen=True)
class Thickness(Augmentation):
    """Makes bright strokes thinner or thicker: by at most so many pixels from each side.

    Half of the images become thinner, by up to `thinner`, half thicker, by up to `thicker`, each of
    them up to 16; `thicker` is `thinner` if it is not said. Parts of a pixel mix both.

    >>> Thickness(0.5, thicker=1)
    Thickness(thinner=0.5, thicker=1.0, shape=None, fill=None)
    """

    thinner: float = 0.5
    thicker: float | None = None
    shape: Shape | None = None
    fill: float | str | None = None

    def __post_init__(self) -> None:
        thinner = real("thinner", self.thinner, high=16.0)
        thicker = thinner if self.thicker is None else real("thicker", self.thicker, high=16.0)
        _set(
            self,
            thinner=thinner,
            thicker=thicker,
            shape=_checked_shape(self.shape),
            fill=_checked_fill(self.fill),
        )

    def _numbers(self) -> dict[str, float]:
        assert self.thicker is not None
        return {"thinner": self.thinner, "thicker": self.thicker}


@dataclass(frozen=True)
class Noise(Augmentation):
    """Adds a nearly normal number of the standard deviation `std` to each element.

    It is the sum of four uniform numbers, and so never beyond 3.45 standard deviations.

    >>> Noise(0.1).std
    0.1
    """

    std: float
    shape: Shape | None = None
    fill: float | str | None = None

    def __post_init__(self) -> None:
        _set(
            self,
            std=real("std", self.std, high=1e30),
            shape=_checked_shape(self.shape),
            fill=_checked_fill(self.fill),
        )

    def _numbers(self) -> dict[str, float]:
        return {"noise": self.std}


def sheet(
    augmentation: Augmentation,
    x: ArrayLike,
    *,
    epochs: int = 10,
    seed: int = 0,
    shape: Shape | None = None,
    file: str | os.PathLike[str] | None = None,
) -> NDArray[np.uint8]:
    """Draws each image of x as it is, and beside it as the first epochs would see it.

    Args:
        x: a few images, as `Augmentation.apply` takes them.
        epochs: how many versions of each.
        seed: of the network.
        shape: (height, width) or (height, width, channels) of an image, where neither x nor the
            augmentation says it.
        file: where to write it, too, as a picture of the kind that its name ends with, by Pillow
            (`pip install nncore[images]`).

    Returns:
        Grey or colour values, (rows, columns) or (rows, columns, 3): x's images one below the
        other, their smallest number black and their largest one white.

    >>> sheet(Affine(rotation=20), np.eye(8).reshape(1, 64), epochs=3).shape
    (8, 35)
    """
    epochs = integer("epochs", epochs, low=1)
    rows: Any = np.asarray(x)
    if rows.ndim > 2 and shape is None:
        shape = rows.shape[1:]
    if shape is not None and shape != augmentation.shape:
        augmentation = augmentation + _OfShape(_checked_shape(shape))
    versions = [np.asarray(rows, np.float64)]
    versions += [augmentation.apply(x, seed=seed, epoch=epoch) for epoch in range(epochs)]
    inputs = int(np.prod(rows.shape[1:]))
    height, width, channels = _full(augmentation.shape) or (*_square(inputs), 1)
    low, high = float(versions[0].min(initial=0)), float(versions[0].max(initial=0))
    scale = 255 / (high - low) if high > low else 1.0
    blank = np.full((len(rows), height, 1, channels), 128, np.uint8)
    columns = []
    for version in versions:
        grey = np.clip((version - low) * scale, 0, 255).round().astype(np.uint8)
        columns += [grey.reshape(-1, height, width, channels), blank]
    drawn = np.concatenate(columns[:-1], axis=2).reshape(len(rows) * height, -1, channels)
    picture = drawn[:, :, 0] if channels not in (3, 4) else drawn
    if file is not None:
        _write(picture, file)
    return picture


def _square(inputs: int) -> Shape:
    side = round(inputs**0.5)
    if side * side != inputs:
        raise ValueError(f"rows of {inputs} inputs are no square images; expected a shape")
    return side, side


def _write(picture: NDArray[np.uint8], file: str | os.PathLike[str]) -> None:
    import io

    from nncore._support.extras import require

    image = require("PIL.Image", extra="images", purpose="pictures")
    content = io.BytesIO()
    kind = os.path.splitext(os.fspath(file))[1].lower()
    known = image.registered_extensions()
    if kind not in known:
        raise ValueError(f"the picture's name is {os.fspath(file)!r}; expected one as sheet.png")
    image.fromarray(picture).save(content, format=known[kind])
    replace_file(os.fspath(file), content.getvalue())
