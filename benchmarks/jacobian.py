"""The leading singular triplets of a Jacobian by products, against the whole matrix and its SVD.

    python benchmarks/jacobian.py [--run RUN] [--data DATA] [--levels 22.79,1.979,0.47] [--repeats 3]

At one noisy held-out picture a level: `jacobian_svd` for the 16 largest, told to reach the accuracy
claimed, and scipy's `svds` on the same products, in turn; then the d x d Jacobian row by row
(`torch.func.jacrev`, in blocks) and its full SVD in float32, as a notebook does it. What is right is
judged by the float64 SVD of that matrix.

Networks like those on the page, in ten minutes, from a file of 32x32 colour pictures:

    denoscope train --data faces32.npz --images 16000 --width 16 --multipliers 1,3,4 --blocks 1 \\
        --attention none --dropout 0 --batch 32 --kimg 24 --out runs/faces32
    denoscope train --data faces32.npz --images 16000 --size 64 --width 16 --multipliers 1,2,2 --blocks 1 \\
        --attention none --dropout 0 --batch 32 --kimg 6 --out runs/faces64

Above d = MOST the whole way would take hours. Then PART of the rows are computed and an SVD of a random
matrix is taken at d = PART, and both times are extrapolated, by d and by d^3; what is right is judged by
residuals, and by what `svds` finds at a tolerance of 1e-10, on the network's products in float64.

Times are processor seconds. Each level is written to benchmarks/results/jacobian-RUN.json when it is done,
and not done again; the page is drawn from all of them.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch
from comparing import PAGE, RESULTS, in_turn, machine
from doc_blocks import fill_block, markdown_table
from scipy.sparse.linalg import LinearOperator, svds
from torch import Tensor

from denoscope.checkpoints import describe_model
from denoscope.denoiser import Denoiser, as_sigma
from denoscope.images import open_images
from denoscope.metrics import Jacobian, JacobianSVD, cluster_angles, jacobian_svd
from denoscope.noise import noise
from denoscope.tables import write_file

T = TypeVar("T")
K, GAP = 16, 1e-2
VALUES, RESIDUALS, ANGLES, TIME = 1e-4, 1e-4, 1e-3, 0.1
"""What must hold: relative, relative to the largest, radians, share of the full SVD's time."""
MOST, PART = 4096, 2048
BLOCK = 16  # rows of the Jacobian in one backward pass; more are no faster on two cores


def timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.process_time()
    result = work()
    return result, time.process_time() - started


def whole(denoiser: Denoiser, x: Tensor, sigma: float, part: int | None = None) -> Tensor:
    """The Jacobian (d, d), or its first rows, row by row, float32."""
    level = as_sigma(sigma, x)

    def answers(y: Tensor) -> Tensor:
        return denoiser(y, level).flatten()[:part]

    rows = torch.func.jacrev(answers, chunk_size=BLOCK)(x)
    return cast(Tensor, rows).detach().reshape(-1, x.numel())


class Products(LinearOperator):
    """J and J^T as scipy asks for them."""

    def __init__(self, jacobian: Jacobian) -> None:
        super().__init__(np.dtype(float), (jacobian.d, jacobian.d))
        self.jacobian = jacobian

    def _matvec(self, x: np.ndarray) -> np.ndarray:
        return self.jacobian.times(torch.from_numpy(x.reshape(-1, 1).astype(float))).numpy()[:, 0]

    def _rmatvec(self, x: np.ndarray) -> np.ndarray:
        column = torch.from_numpy(x.reshape(-1, 1).astype(float))
        return self.jacobian.transposed_times(column).numpy()[:, 0]


def by_scipy(
    denoiser: Denoiser, x: Tensor, sigma: float, k: int, tol: float
) -> tuple[tuple[Tensor, Tensor, Tensor], int]:
    """u (d, k), s (k,) falling, v (d, k) by ARPACK on the same products, one at a time as it asks."""
    operator = Products(Jacobian(denoiser, x, sigma))
    start = np.random.default_rng(0).standard_normal(operator.jacobian.d)
    found = svds(operator, k=k, tol=tol, v0=start)  # pyright: ignore[reportArgumentType]
    u, s, vh = (torch.from_numpy(np.array(part)) for part in found)
    order = s.argsort(descending=True)
    return (u[:, order], s[order], vh.T[:, order]), operator.jacobian.products


def of_level(denoiser: Denoiser, x: Tensor, sigma: float, repeats: int = 1) -> dict[str, Any]:
    """Accuracy against what is right, and the time of each way."""
    Jacobian(denoiser, x, sigma).times(torch.ones(x.numel(), 1))  # first calls pay for their set-up

    def ours() -> JacobianSVD:
        return jacobian_svd(Jacobian(denoiser, x, sigma), K, tol=2 * GAP * ANGLES)

    def theirs() -> tuple[tuple[Tensor, Tensor, Tensor], int]:
        return by_scipy(denoiser, x, sigma, K, 1e-5)

    fit, ((_, found, _), asked) = ours(), theirs()
    compared = in_turn(ours, theirs, repeats, time.process_time)
    d = x.numel()
    part = PART if d > MOST else d
    matrix, rows = timed(lambda: whole(denoiser, x, sigma, part))
    square = matrix if part == d else torch.randn(part, part)
    _, full = timed(lambda: torch.linalg.svd(square))
    rows, full = rows * d / part, full * (d / part) ** 3
    if part == d:
        u, s, vh = torch.linalg.svd(matrix.double())
        right = accuracy(fit, u, s, vh.T)
    else:
        u, s, v = by_scipy(denoiser, x.double(), sigma, K + 4, 1e-10)[0]
        right = accuracy(fit, u, s, v)
        right["residual"] = residual(Jacobian(denoiser, x.double(), sigma), fit)
    row = {"sigma": sigma, **right}
    row |= {
        "products": fit.products,
        "converged": fit.converged,
        "missed": fit.missed,
        "seconds": {
            "ours": compared["ours_seconds"],
            "rows": rows,
            "svd": full,
            "svds": compared["rival_seconds"],
        },
        "extrapolated": part < d,
        "time_ratio": compared["ours_seconds"] / (rows + full),
        "svds": {
            "products": asked,
            "value_error": float((found / s[:K] - 1).abs().max()),
            **{key: compared[key] for key in ("ratio", "ratio_range", "repeats")},
        },
    }
    row["holds"] = holds(row)
    return row


def residual(exact: Jacobian, fit: JacobianSVD) -> float:
    """The largest of ||J v - s u|| and ||J^T u - s v||, relative to the largest value."""
    off = exact.times(fit.v) - fit.u * fit.s, exact.transposed_times(fit.u) - fit.v * fit.s
    return float(torch.cat(off, 1).norm(dim=0).max() / fit.s[0])


def accuracy(fit: JacobianSVD, u: Tensor, s: Tensor, v: Tensor) -> dict[str, Any]:
    """Worst errors of the k leading triplets; angles of clusters a relative GAP apart."""
    angles = [cluster_angles(a[:, :K], b, s, GAP) for a, b in ((u, fit.u), (v, fit.v))]
    return {
        "largest": float(s[0]),
        "last": float(s[K - 1]),
        "value_error": float((fit.s / s[:K] - 1).abs().max()),
        "residual": float(fit.residuals.max() / fit.s[0]),
        "angle": float(torch.cat(angles).max()),
        "clusters": len(angles[0]),
    }


def holds(row: dict[str, Any]) -> bool:
    return bool(
        row["converged"]
        and row["value_error"] < VALUES
        and row["residual"] < RESIDUALS
        and row["angle"] < ANGLES
        and row["time_ratio"] < TIME
    )


def told(row: dict[str, Any]) -> str:
    seconds = row["seconds"]
    return (
        f"{row['sigma']:>8.4g}  {row['value_error']:.1e}  {row['residual']:.1e}  "
        f"{row['angle']:.1e} ({row['clusters']} clusters)  {row['products']} products, "
        f"{seconds['ours']:.1f} s; rows {seconds['rows']:.1f} s + SVD {seconds['svd']:.1f} s: "
        f"{row['time_ratio']:.3f}; svds {row['svds']['products']} products, {seconds['svds']:.1f} s: "
        f"{row['svds']['ratio']}  "
        f"{'holds' if row['holds'] else 'DOES NOT HOLD'}"
    )


def page_text(results: list[dict[str, Any]]) -> str:
    """A row for each network and level, and where it was measured."""
    head = ["network", "d", "sigma", "largest error of a value", "ours, s", "products"]
    head += ["svds, s", "its products", "svds / ours", "rows + SVD, s", "of these ours takes"]
    rows = []
    for result in results:
        for row in result["rows"]:
            seconds, rival = row["seconds"], row["svds"]
            low, high = rival["ratio_range"]
            all_of_it = seconds["rows"] + seconds["svd"]
            cells = [result["model"]["where"], f"{result['model']['d']:,}", f"{row['sigma']:.4g}"]
            cells += [f"{row['value_error']:.1e}", f"{seconds['ours']:.3g}", f"{row['products']}"]
            cells += [f"{seconds['svds']:.3g}", f"{rival['products']}"]
            cells += [f"{rival['ratio']:.3g} ({low:.3g} to {high:.3g})"]
            cells += [f"{all_of_it:,.3g}" + (" *" if row["extrapolated"] else "")]
            cells += [f"{row['time_ratio']:.3g}"]
            rows.append(cells)
    where = results[0]["machine"]
    return (
        f"{markdown_table(head, rows)}\n\n\\* extrapolated from {PART:,} rows, and from the SVD of a random "
        f"matrix at d = {PART:,}.\n\nProcessor seconds on {where['threads']} thread, {where['cpu']}, torch "
        f"{where['torch']}, {where['when'][:10]}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--run", default="bundled:mnist-4000", help="a run with held-out pictures")
    parser.add_argument("--data", help="its pictures, where they have moved")
    parser.add_argument("--levels", default="22.79,1.979,0.47", help="sigmas with commas")
    parser.add_argument("--repeats", type=int, default=3, help="pairs of runs a level")
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    parser.add_argument("--out", type=Path, default=RESULTS)
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    model = describe_model(words.run)
    if model.record is None:
        raise SystemExit(f"{words.run} brings no record of its data: give a run of ours")
    data = model.record.data
    _, held_out = data.split(open_images(words.data or data.where, size=data.size))
    clean = held_out.floats([0])
    eps = noise([0], clean.shape[1:], seed=0, stream="jacobian-benchmark")

    name = Path(words.run.removeprefix("bundled:")).name
    path = words.out / f"jacobian-{name}.json"
    rows = json.loads(path.read_text())["rows"] if path.is_file() else []
    print("   sigma  values   residual angle", flush=True)
    for sigma in map(float, words.levels.split(",")):
        done = [row for row in rows if row["sigma"] == sigma]
        if not done:
            done = [of_level(model.denoiser, clean + sigma * eps, sigma, words.repeats)]
            rows = sorted([*rows, *done], key=lambda row: -row["sigma"])
            result = {
                "claim": f"the {K} largest singular values right to {VALUES:g}, residuals below "
                f"{RESIDUALS:g} of the largest, angles of clusters below {ANGLES:g}, in "
                f"{TIME:g} of the time of the whole matrix and its SVD",
                "holds": all(row["holds"] for row in rows),
                "model": {"where": name, "hash": model.content_hash, "d": clean.numel()},
                "machine": machine(),
                "rows": rows,
            }
            write_file(path, (json.dumps(result, indent=1) + "\n").encode())
        print(told(done[0]), flush=True)
    if words.out == RESULTS:
        found = [json.loads(file.read_text()) for file in words.out.glob("jacobian-*.json")]
        found.sort(key=lambda result: result["model"]["d"])
        fill_block(PAGE, "jacobian", page_text(found))


if __name__ == "__main__":
    main()
