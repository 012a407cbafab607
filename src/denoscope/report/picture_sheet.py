"""A sheet of pictures: labelled rows, enlarged pixel for pixel, as one PNG."""

import io
import textwrap
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from denoscope.errors import InputError

__all__ = ["PictureSheet", "SheetRow"]

_INK, _FAINT, _PAPER = "#222222", "#666666", "white"
_TILE, _GAP, _LABEL, _MARGIN = 56, 4, 170, 16
_SCALE = 2  # drawn at twice the size, for sharp type


@dataclass(frozen=True)
class SheetRow:
    """A label and its pictures, uint8 (n, C, H, W), C 1 or 3."""

    label: str
    pictures: np.ndarray

    def __post_init__(self) -> None:
        if self.pictures.dtype != np.uint8 or self.pictures.ndim != 4:
            raise InputError(
                f"row {self.label!r}: {self.pictures.dtype} {self.pictures.shape}; "
                "give uint8 (n, C, H, W)"
            )


@dataclass(frozen=True)
class PictureSheet:
    """Rows of pictures under a title; columns: a heading over each column, or none.

    name: the file's, without ending. reading: how to read it. figure: as `Chart.figure`.
    """

    name: str
    title: str
    reading: str
    rows: tuple[SheetRow, ...]
    columns: tuple[str, ...] = ()
    figure: str = ""

    def to_png(self) -> bytes:
        """The sheet as PNG in 256 colours: a quarter of the bytes, and no difference to the eye."""
        across = max(len(row.pictures) for row in self.rows)
        width = _MARGIN * 2 + _LABEL + across * (_TILE + _GAP)
        width = max(width, 520)
        reading = textwrap.wrap(self.reading, max(40, (width - 2 * _MARGIN) // 6))
        head = _MARGIN + 22 + 15 * len(reading) + 10 + (16 if self.columns else 0)
        height = head + len(self.rows) * (_TILE + _GAP) + _MARGIN
        image = Image.new("RGB", (width * _SCALE, height * _SCALE), _PAPER)
        draw = ImageDraw.Draw(image)

        def write(x: float, y: float, words: str, size: int, ink: str) -> None:
            font = ImageFont.load_default(size * _SCALE)
            draw.text((x * _SCALE, y * _SCALE), words, fill=ink, font=font)

        write(_MARGIN, _MARGIN - 4, self.title, 14, _INK)
        for line, words in enumerate(reading):
            write(_MARGIN, _MARGIN + 18 + 15 * line, words, 11, _FAINT)
        for place, words in enumerate(self.columns):
            x = _MARGIN + _LABEL + place * (_TILE + _GAP)
            write(x, head - 16, words, 10, _FAINT)
        for number, row in enumerate(self.rows):
            y = head + number * (_TILE + _GAP)
            for line, words in enumerate(textwrap.wrap(row.label, 28)[:4]):
                write(_MARGIN, y + 4 + 13 * line, words, 11, _INK)
            for place, pixels in enumerate(row.pictures):
                x = _MARGIN + _LABEL + place * (_TILE + _GAP)
                image.paste(_tile(pixels), (x * _SCALE, y * _SCALE))
        buffer = io.BytesIO()
        image.quantize(256, dither=Image.Dither.NONE).save(buffer, format="PNG", optimize=True)
        return buffer.getvalue()


def _tile(pixels: np.ndarray) -> Image.Image:
    channels = np.ascontiguousarray(pixels.transpose(1, 2, 0))
    image = Image.fromarray(channels[..., 0] if channels.shape[-1] == 1 else channels).convert(
        "RGB"
    )
    side = _TILE * _SCALE
    return image.resize((side, side), Image.Resampling.NEAREST)
