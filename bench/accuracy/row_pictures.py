"""Pictures of handwritten numbers, made of single digits, as people take and draw them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Array = NDArray[Any]
Rng = np.random.Generator


def row(digits: Array, gaps: Array) -> Array:
    """Digits (n, 28, 28), side by side with `gaps` columns between their ink, negative to overlap;
    (28, width) in [0, 1], light on dark.
    """
    columns = [np.flatnonzero(digit.any(axis=0)) for digit in digits]
    inked = [d[:, c[0] : c[-1] + 1] for d, c in zip(digits, columns, strict=True)]
    starts = np.cumsum([4, *(d.shape[1] + g for d, g in zip(inked, [*gaps, 0], strict=True))])
    picture = np.zeros((28, starts[-1] + 4), np.float32)
    for digit, start in zip(inked, starts, strict=False):
        part = picture[:, start : start + digit.shape[1]]
        np.maximum(part, digit, out=part)
    return picture


def grey(picture: Array) -> Image.Image:
    return Image.fromarray(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8))


def enlarged(picture: Array, scale: float) -> Image.Image:
    image = grey(picture)
    size = round(image.width * scale), round(image.height * scale)
    return image.resize(size, Image.Resampling.BICUBIC)


def on_paper(
    ink: Image.Image, margin: int, paper: Any = (238, 236, 230), pen: Any = (30, 32, 50)
) -> Image.Image:
    """Ink (a mask) on a sheet in colour, with a margin."""
    sheet = Image.new("RGB", (ink.width + 2 * margin, ink.height + 2 * margin), paper)
    sheet.paste(Image.new("RGB", ink.size, pen), (margin, margin), ink)
    return sheet


def mnist(picture: Array, rng: Rng) -> Image.Image:
    return grey(picture)


def cropped(picture: Array, rng: Rng) -> Image.Image:
    """Dark on light, three times as large, the ink at the border on all sides."""
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    ink = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return enlarged(1 - ink, 3)


def scanned(picture: Array, rng: Rng) -> Image.Image:
    return on_paper(enlarged(picture, 4), 40)


def slanted(picture: Array, rng: Rng) -> Image.Image:
    ink = enlarged(np.pad(picture, ((0, 0), (12, 12))), 4)
    shear = 0.35 * (1 if rng.random() < 0.7 else -1)
    moved = (1, shear, -shear * ink.height / 2, 0, 1, 0)
    return on_paper(
        ink.transform(ink.size, Image.Transform.AFFINE, moved, Image.Resampling.BICUBIC), 30
    )


def tilted(picture: Array, rng: Rng) -> Image.Image:
    ink = enlarged(picture, 4)
    turned = ink.rotate(rng.uniform(-6, 6), Image.Resampling.BICUBIC, expand=True)
    return on_paper(turned, 30)


def thick(picture: Array, rng: Rng) -> Image.Image:
    return on_paper(enlarged(picture, 6).filter(ImageFilter.MaxFilter(9)), 40)


def thin(picture: Array, rng: Rng) -> Image.Image:
    return on_paper(enlarged(picture, 8).filter(ImageFilter.MinFilter(9)), 40)


def small(picture: Array, rng: Rng) -> Image.Image:
    return on_paper(enlarged(picture, 0.7), 6)


def large(picture: Array, rng: Rng) -> Image.Image:
    return on_paper(enlarged(picture, 16), 200)


def shadowed(picture: Array, rng: Rng) -> Image.Image:
    """A photograph: light from one side, blur and grain."""
    sheet = on_paper(enlarged(picture, 5), 60).filter(ImageFilter.GaussianBlur(1.5))
    pixels = np.asarray(sheet, np.float32)
    y, x = np.mgrid[-1 : 1 : pixels.shape[0] * 1j, -1 : 1 : pixels.shape[1] * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    light = 0.7 + 0.3 * np.tanh(1.5 * along + rng.uniform(-0.5, 0.5))
    pixels = pixels * light[:, :, None] + rng.normal(0, 4, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def framed(picture: Array, rng: Rng) -> Image.Image:
    sheet = on_paper(enlarged(picture, 4), 30)
    draw = ImageDraw.Draw(sheet)
    inset, width = int(rng.integers(0, 15)), int(rng.integers(2, 9))
    if rng.random() < 0.5:
        inset = 0
    box = (inset, inset, sheet.width - 1 - inset, sheet.height - 1 - inset)
    draw.rectangle(box, outline=(0, 0, 0), width=width)
    return sheet


def ruled(picture: Array, rng: Rng) -> Image.Image:
    sheet = on_paper(enlarged(picture, 4), 40, pen=(20, 20, 40))
    lines = Image.new("RGB", sheet.size, (250, 250, 250))
    draw = ImageDraw.Draw(lines)
    step, width = int(rng.integers(28, 60)), int(rng.integers(1, 4))
    colour = (150, 170, 215) if rng.random() < 0.5 else (90, 90, 110)
    for y in range(int(rng.integers(step)), sheet.height, step):
        draw.line((0, y, sheet.width, y), fill=colour, width=width)
    if rng.random() < 0.3:
        for x in range(int(rng.integers(step)), sheet.width, step):
            draw.line((x, 0, x, sheet.height), fill=colour, width=width)
    return Image.fromarray(np.minimum(np.asarray(sheet), np.asarray(lines)))


def on_a_desk(picture: Array, rng: Rng) -> Image.Image:
    sheet = on_paper(enlarged(picture, 4), 50)
    around = int(rng.integers(20, 150))
    desk = Image.new("RGB", (sheet.width + 2 * around, sheet.height + 2 * around), (70, 45, 30))
    angle = float(rng.uniform(-4, 4))
    turned = sheet.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    mask = Image.new("L", sheet.size, 255).rotate(angle, expand=True)
    desk.paste(turned, (around // 2, around // 2), mask)
    pixels = np.asarray(desk.filter(ImageFilter.GaussianBlur(1)), np.float32)
    pixels = pixels + rng.normal(0, 5, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


COLOURS = (
    ((250, 250, 250), (220, 30, 30)),
    ((255, 255, 255), (30, 60, 220)),
    ((255, 240, 120), (40, 120, 40)),
    ((30, 90, 50), (245, 245, 245)),
    ((200, 60, 60), (60, 130, 60)),
    ((20, 20, 30), (250, 220, 40)),
)
"""Paper and ink."""


def coloured(picture: Array, rng: Rng) -> Image.Image:
    paper, pen = COLOURS[rng.integers(len(COLOURS))]
    return on_paper(enlarged(picture, 4), 40, paper, pen)


def transparent(picture: Array, rng: Rng) -> Image.Image:
    ink = enlarged(picture, 4)
    pen = ((0, 0, 0), (255, 255, 255), (200, 30, 30))[rng.integers(3)]
    cut_out = Image.new("RGBA", ink.size, (*pen, 0))
    cut_out.putalpha(ink)
    return cut_out


STYLES: dict[str, Callable[[Array, Rng], Image.Image]] = {
    "as MNIST's pixels": mnist,
    "cropped": cropped,
    "scanned": scanned,
    "slanted": slanted,
    "tilted": tilted,
    "thick pen": thick,
    "thin pen": thin,
    "small": small,
    "large": large,
    "shadow": shadowed,
    "frame": framed,
    "ruled": ruled,
    "dark desk": on_a_desk,
    "coloured": coloured,
    "transparent": transparent,
}


def nothing(kind: str, rng: Rng) -> Image.Image:
    """A picture in which no digit is."""
    if kind == "blank":
        paper = tuple(int(level) for level in rng.integers(0, 256, 3))
        return Image.new("RGB", (int(rng.integers(20, 400)), int(rng.integers(20, 300))), paper)
    if kind == "blank photograph":
        empty = np.zeros((28, int(rng.integers(28, 140))), np.float32)
        return shadowed(empty, rng)
    if kind == "blank, ruled":
        return ruled(np.zeros((28, int(rng.integers(28, 140))), np.float32), rng)
    if kind == "blank sheet on a desk":
        return on_a_desk(np.zeros((28, int(rng.integers(28, 140))), np.float32), rng)
    if kind == "empty frame":
        return framed(np.zeros((28, int(rng.integers(28, 140))), np.float32), rng)
    sheet = Image.new("RGB", (300, 200), (240, 240, 236))
    draw = ImageDraw.Draw(sheet)
    if kind == "scribble":
        points = np.cumsum(rng.normal(0, 28, (int(rng.integers(25, 60)), 2)), axis=0)
        points -= points.min(axis=0)
        points *= (170 / points.max(axis=0)).min()
        draw.line([tuple(p) for p in (points + 12).tolist()], fill=(20, 20, 60), width=4)
    elif kind == "blob":
        x, y, a, b = rng.integers(60, 240), rng.integers(60, 140), *rng.integers(20, 58, 2)
        draw.ellipse([int(v) for v in (x - a, y - b, x + a, y + b)], fill=(30, 30, 30))
    elif kind == "letters":
        for k, letter in enumerate(rng.permutation([*"AEFHKMNRWX"])[:4]):
            font = ImageFont.load_default(70)
            draw.text((20 + 65 * k, 50), str(letter), font=font, fill=(20, 20, 40))
    elif kind == "loops":
        t = np.linspace(0, 1, 400)
        x, y = 40 + 210 * t + 25 * np.sin(50 * t), 100 + 45 * np.cos(50 * t) + rng.normal(0, 1, 400)
        draw.line([tuple(p) for p in np.stack((x, y), 1).tolist()], fill=(20, 20, 40), width=4)
    else:
        assert kind == "noise"
        return Image.fromarray(rng.integers(0, 256, (120, 160, 3)).astype(np.uint8))
    return sheet


NOTHING = (
    "blank",
    "blank photograph",
    "blank, ruled",
    "blank sheet on a desk",
    "empty frame",
    "scribble",
    "blob",
    "letters",
    "loops",
    "noise",
)
