"""Pictures for the page: small PNGs as data URIs, within a budget of bytes."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

__all__ = ["PictureBudget", "Tile", "png_uri"]

SHOWN_SIDE = 128  # larger pictures are reduced to this: a tile on the page is rarely larger


@dataclass(frozen=True)
class Tile:
    """One picture on the page: its data URI, its size in pixels, and the words for who cannot see it."""

    uri: str
    width: int
    height: int
    alt: str


class PictureBudget:
    """Hands out tiles until `limit` bytes of data URI are spent.

    A row of pictures is shown whole or not at all, so that comparisons stay complete.
    """

    def __init__(self, limit: int) -> None:
        self.left = limit

    def row(self, pictures: list[tuple[np.ndarray, str]]) -> list[Tile] | None:
        """Tiles for (uint8 (C, H, W), alt text) pairs, or None where they no longer fit."""
        tiles = []
        for pixels, words in pictures:
            uri, width, height = png_uri(pixels)
            tiles.append(Tile(uri, width, height, words))
        cost = sum(len(tile.uri) for tile in tiles)
        if cost > self.left:
            self.left = 0
            return None
        self.left -= cost
        return tiles


def png_uri(pixels: np.ndarray) -> tuple[str, int, int]:
    """A uint8 picture (C, H, W), C 1 or 3, as ("data:image/png;base64,...", width, height).

    Enlarging is the page's affair (pixelated, so that every pixel stays what it is).
    """
    channels = np.ascontiguousarray(pixels.transpose(1, 2, 0))
    image = Image.fromarray(channels[..., 0] if channels.shape[-1] == 1 else channels)
    if max(image.size) > SHOWN_SIDE:
        image.thumbnail((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.BOX)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return f"data:image/png;base64,{encoded}", image.width, image.height
