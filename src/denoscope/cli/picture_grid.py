"""Grids of pictures as PNG: one row a denoiser, one column a seed (or a noise level)."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

__all__ = ["COLUMNS", "grid_png", "picture_grid"]

COLUMNS = 16  # a longer row goes on in a block below
GAP = 2
SMALLEST_SIDE = 56  # smaller pictures are enlarged by a whole factor, pixels staying what they are


def picture_grid(rows: Sequence[np.ndarray]) -> np.ndarray:
    """uint8 (H, W, C) of rows of pictures, each (n, C, H, W), in blocks of at most 16 columns."""
    count, channels, height, width = rows[0].shape
    columns = min(count, COLUMNS)
    blocks = -(-count // columns)
    tall = blocks * (len(rows) * (height + GAP) + 2 * GAP) - 3 * GAP
    sheet = np.full((tall, columns * (width + GAP) - GAP, channels), 255, dtype=np.uint8)
    for number in range(count):
        block, column = divmod(number, columns)
        left = column * (width + GAP)
        for place, row in enumerate(rows):
            top = block * (len(rows) * (height + GAP) + 2 * GAP) + place * (height + GAP)
            sheet[top : top + height, left : left + width] = row[number].transpose(1, 2, 0)
    return sheet


def grid_png(rows: Sequence[np.ndarray]) -> Image.Image:
    """The grid as a picture, enlarged where its pictures are small."""
    sheet = picture_grid(rows)
    image = Image.fromarray(sheet[..., 0] if sheet.shape[-1] == 1 else sheet)
    factor = max(1, -(-SMALLEST_SIDE // rows[0].shape[-1]))
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
