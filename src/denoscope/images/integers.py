"""Exact integer products of uint8 rows: products, first and second moments.

Sums of uint8 products are integers, so they can be exact and the same for any chunk, order or
number of workers. Values are centred first, v - 128 in int8, where a product is at most 2^14:

int8     `torch._int_mm`, whose int32 sums hold for contractions of up to 131,071. It saturates
         silently on some processors without VNNI, and on others without it is exact and thirty
         times slower than float32, so a probe over the full range with a clock decides, once a
         device.
float32  otherwise, in contractions of 1,024, or of more where the values allow it, whose sums stay
         within 2^24, where float32 still holds every integer, whatever the order of summation
         (TF32 and bf16 hold int8 values too).

Both are exact, so which one is taken shows in the time alone.
"""

import time
from collections.abc import Iterator
from functools import cache

import torch
from torch import Tensor

from denoscope.errors import InputError
from denoscope.images.pictures import Pictures

__all__ = [
    "GREY",
    "centred",
    "centred_products",
    "check_uint8",
    "int8_pays",
    "int8_products",
    "integer_matmul",
    "integer_moments",
    "squared_norms",
    "uint8_rows",
]

INT32_CONTRACTION = 131_064  # largest multiple of 8 with 2^14 * n < 2^31
GREY = 128  # the middle of bytes: v - 128 fits int8
FLOAT32_EXACT = 1 << 24  # float32 holds every integer up to here
FLOAT32_CONTRACTION = 1_024  # 2^14 * 1024 = 2^24
CHUNK_VALUES = 1 << 24
LONG_SUM = 4 * FLOAT32_CONTRACTION  # float32 sums that the values of photographs allow
GRAM_PANEL = 512  # columns of the second moment at a time: half of it is mirrored, not multiplied


def integer_matmul(a: Tensor, b: Tensor) -> Tensor:
    """Exact A @ B^T for uint8 rows: (n, d), (m, d) -> int64 (n, m)."""
    check_uint8(a, "a")
    check_uint8(b, "b")
    a_centred, b_centred = centred(a), centred(b)
    a_sum = a_centred.sum(dim=1, dtype=torch.int64)
    b_sum = b_centred.sum(dim=1, dtype=torch.int64)
    products = centred_products(a_centred, b_centred).long()
    # (a' + 128) . (b' + 128) = a'.b' + 128 (sum a' + sum b') + 128^2 d
    return products + 128 * (a_sum[:, None] + b_sum[None, :]) + 128 * 128 * a.shape[1]


def integer_moments(pixels: Tensor | Pictures, chunk: int | None = None) -> tuple[Tensor, Tensor]:
    """Exact sum x_i, int64 (d,), and sum x_i x_i^T, int64 (d, d), of uint8 pictures, d = C H W.

    Streams over the pictures once, `chunk` at a time (by default some 16 million values); the result has the
    same bits for any chunk, and that of a whole set is the sum of those of its parts. With mean =
    sum / N the covariance of eq. 6 is gram / N - mean mean^T.
    """
    count = len(pixels)
    first = uint8_rows(pixels, slice(0, 1))
    d, device = first.shape[1], first.device
    int8 = int8_pays(device)
    longest, values = (INT32_CONTRACTION, 2 * CHUNK_VALUES) if int8 else (LONG_SUM, CHUNK_VALUES)
    values = max(values, d * d)  # of fewer than d rows a product costs less than adding it up
    step = min(chunk or max(FLOAT32_CONTRACTION, values // d), longest)
    multiply = int8_products if int8 else _float32
    total = torch.zeros(d, dtype=torch.int64, device=device)
    gram = torch.zeros(d, d, dtype=torch.int64, device=device)
    # int32 is added to fast, and holds what INT32_CONTRACTION pictures come to.
    held, pending = torch.zeros(d, d, dtype=torch.int32, device=device), 0
    for start in range(0, count, step):
        rows = centred(uint8_rows(pixels, slice(start, start + step)))
        if pending + len(rows) > INT32_CONTRACTION:
            gram += held
            held.zero_()
            pending = 0
        pending += len(rows)
        for part in [rows] if int8 else _short_enough(rows.float()):
            columns = part.T
            total += multiply(columns, part.new_ones(1, len(part)))[:, 0].long()
            for i in range(0, d, GRAM_PANEL):  # on and above the diagonal
                panel = multiply(columns[i : i + GRAM_PANEL], columns[i:])
                held[i : i + GRAM_PANEL, i:] += panel.to(torch.int32)
    # (u + 128)(v + 128) = u v + 128 (u + v) + 128^2
    shift = 128 * total + 64 * 128 * count
    for i in range(0, d, GRAM_PANEL):
        panel = gram[i : i + GRAM_PANEL, i:]
        panel += held[i : i + GRAM_PANEL, i:]
        panel += shift[i : i + GRAM_PANEL, None]
        panel += shift[i:]
        gram[i + GRAM_PANEL :, i : i + GRAM_PANEL] = panel[:, GRAM_PANEL:].T
    return total + 128 * count, gram


def _short_enough(rows: Tensor) -> Iterator[Tensor]:
    """Parts of float rows (n, d) whose products of columns float32 holds, whatever the order.

    Sums of |x_i x_j|, and of |x_i|, are below the largest sum of squares of a column (Cauchy-Schwarz,
    and |x| <= x^2 of whole numbers): photographs are grey enough for four times as long sums as the
    blackest and whitest pictures.
    """
    fits = len(rows) <= FLOAT32_CONTRACTION
    if fits or float(torch.linalg.vector_norm(rows, dim=0).max()) ** 2 < 0.999 * FLOAT32_EXACT:
        yield rows
    else:
        for half in rows.tensor_split(2):
            yield from _short_enough(half)


def uint8_rows(pixels: Tensor | Pictures, rows: slice | Tensor) -> Tensor:
    """Those pictures flattened, uint8 (n, C H W). Raises InputError for anything not uint8."""
    values = pixels.stored(rows) if isinstance(pixels, Pictures) else pixels[rows]
    if values.dtype != torch.uint8:
        raise InputError(f"pictures are {values.dtype}; exact integer arithmetic takes torch.uint8")
    return values.reshape(len(values), -1)


def check_uint8(rows: Tensor, name: str) -> None:
    """Raises InputError unless rows is a uint8 (n, d)."""
    if rows.dtype != torch.uint8 or rows.ndim != 2:
        raise InputError(
            f"{name} is {rows.dtype} of shape {tuple(rows.shape)}; give torch.uint8 (n, d)"
        )


def centred(rows: Tensor) -> Tensor:
    """uint8 v -> int8 v - 128, of the same shape."""
    return (rows ^ 128).view(torch.int8)


def centred_products(a: Tensor, b: Tensor) -> Tensor:
    """Exact A @ B^T for int8 rows (n, d), (m, d): int32 (n, m), int64 where d > 131,064."""
    if a.shape[1] != b.shape[1]:
        raise InputError(
            f"rows of {a.shape[1]} and of {b.shape[1]} values; give pictures of one shape"
        )
    int8 = int8_pays(a.device)
    multiply, limit = (
        (int8_products, INT32_CONTRACTION) if int8 else (_float32, FLOAT32_CONTRACTION)
    )
    d = a.shape[1]
    if d <= limit:
        return multiply(a, b).to(torch.int32)
    kind = torch.int32 if d <= INT32_CONTRACTION else torch.int64
    out = torch.zeros(len(a), len(b), dtype=kind, device=a.device)
    for start in range(0, d, limit):
        out += multiply(a[:, start : start + limit], b[:, start : start + limit]).to(kind)
    return out


def squared_norms(rows: Tensor) -> Tensor:
    """Exact |u|^2 of int8 rows, (n, d) -> int64 (n,)."""
    total = torch.zeros(len(rows), dtype=torch.int64, device=rows.device)
    for part in rows.split(FLOAT32_CONTRACTION, dim=1):
        values = part.float()
        total += values.mul_(values).sum(dim=1).long()
    return total


@cache
def int8_pays(device: torch.device) -> bool:
    """Whether int8 products are exact on this device and faster than those of float32."""
    if not int8_is_exact(device):
        return False
    a = torch.full((512, 1024), -128, dtype=torch.int8, device=device)
    seconds = []
    for multiply in (int8_products, _float32):
        times = []
        for _ in range(3):
            started = time.perf_counter()
            int(multiply(a, a)[0, 0])  # waits for the device
            times.append(time.perf_counter() - started)
        seconds.append(min(times))
    return seconds[0] < seconds[1]


def int8_is_exact(device: torch.device) -> bool:
    """Whether int8 products are exact on this device over the full range: tried, not assumed."""
    generator = torch.Generator().manual_seed(0)
    for n, d, m in ((3, 5, 7), (40, 64, 24), (256, 1024, 256)):
        random = torch.randint(-128, 128, (n + m, d), dtype=torch.int8, generator=generator)
        signs = torch.where(random < 0, -128, 127).to(torch.int8)  # pairs that saturate int16
        lowest = torch.full_like(random, -128)
        for rows in (random, signs, lowest):
            a, b = rows[:n].to(device), rows[n:].to(device)
            try:
                got = int8_products(a, b).cpu()
            except (RuntimeError, NotImplementedError):
                return False
            right = rows[:n].double() @ rows[n:].double().T
            if not torch.equal(got.double(), right):
                return False
    return True


def int8_products(a: Tensor, b: Tensor) -> Tensor:
    """A @ B^T for int8 rows (n, d), (m, d): int32 (n, m), exact where `int8_is_exact` and d <= 131,064."""
    n, m = len(a), len(b)
    if a.device.type != "cpu":  # CUDA wants more than 16 rows, the other sizes multiples of 8
        d = -a.shape[1] % 8
        a = torch.nn.functional.pad(a, (0, d, 0, max(0, 32 - n)))
        b = torch.nn.functional.pad(b, (0, d, 0, -m % 8))
    return torch._int_mm(a, b.T)[:n, :m]  # pyright: ignore[reportPrivateImportUsage]


def _float32(a: Tensor, b: Tensor) -> Tensor:
    return a.float() @ b.float().T
