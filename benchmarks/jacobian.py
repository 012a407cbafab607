"""The leading singular triplets of a Jacobian by products, against the whole matrix and its SVD.

    python benchmarks/jacobian.py [--run RUN] [--data DATA] [--levels 22.79,1.979,0.47]

At one noisy held-out picture a level: `jacobian_svd` for the 16 largest, told to reach the accuracy
claimed; then the d x d Jacobian row by row (`torch.func.jacrev`, in blocks) and its full SVD in float32, as
a notebook does it; then scipy's `svds` on the same products. What is right is judged by the float64
SVD of that matrix. Each level is written to benchmarks/results/jacobian-RUN.json when it is done, and
not done again.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from audit_share import RESULTS, machine
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
BLOCK = 16  # rows of the Jacobian in one backward pass; more are no faster on two cores


def timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def whole(denoiser: Denoiser, x: Tensor, sigma: float) -> Tensor:
    """The Jacobian (d, d), row by row, float32."""
    level = as_sigma(sigma, x)
    rows = torch.func.jacrev(lambda y: denoiser(y, level), chunk_size=BLOCK)(x)
    return rows.detach().reshape(x.numel(), x.numel())


def by_scipy(denoiser: Denoiser, x: Tensor, sigma: float) -> tuple[np.ndarray, int]:
    """The k largest values by ARPACK on the same products, one at a time as it asks for them."""
    jacobian = Jacobian(denoiser, x, sigma)

    def column(product: Callable[[Tensor], Tensor]) -> Callable[[np.ndarray], np.ndarray]:
        return lambda v: product(torch.from_numpy(v.reshape(-1, 1).astype(float))).numpy()[:, 0]

    operator = LinearOperator(  # type: ignore[call-arg]
        (jacobian.d, jacobian.d),
        matvec=column(jacobian.times),
        rmatvec=column(jacobian.transposed_times),
        dtype=np.float64,
    )
    start = np.random.default_rng(0).standard_normal(jacobian.d)
    values = svds(operator, k=K, tol=1e-5, v0=start, return_singular_vectors=False)
    return np.sort(values)[::-1], jacobian.products


def of_level(denoiser: Denoiser, x: Tensor, sigma: float) -> dict[str, Any]:
    """Accuracy against the float64 SVD of the whole matrix, and the time of each way."""
    Jacobian(denoiser, x, sigma).times(torch.ones(x.numel(), 1))  # first calls pay for their set-up
    fit, ours = timed(lambda: jacobian_svd(Jacobian(denoiser, x, sigma), K, tol=2 * GAP * ANGLES))
    matrix, rows = timed(lambda: whole(denoiser, x, sigma))
    _, full = timed(lambda: torch.linalg.svd(matrix))
    (theirs, asked), scipy = timed(lambda: by_scipy(denoiser, x, sigma))
    u, s, vh = torch.linalg.svd(matrix.double())
    row = {"sigma": sigma, **accuracy(fit, u, s, vh.T)}
    row |= {
        "products": fit.products,
        "converged": fit.converged,
        "seconds": {"ours": ours, "rows": rows, "svd": full, "svds": scipy},
        "time_ratio": ours / (rows + full),
        "svds": {"products": asked, "value_error": float(np.abs(theirs / s[:K].numpy() - 1).max())},
    }
    row["holds"] = holds(row)
    return row


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
        f"{row['time_ratio']:.3f}; svds {row['svds']['products']} products, {seconds['svds']:.1f} s  "
        f"{'holds' if row['holds'] else 'DOES NOT HOLD'}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--run", default="bundled:mnist-4000", help="a run with held-out pictures")
    parser.add_argument("--data", help="its pictures, where they have moved")
    parser.add_argument("--levels", default="22.79,1.979,0.47", help="sigmas with commas")
    parser.add_argument("--threads", type=int, help="torch threads (default: as torch chooses)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    words = parser.parse_args()
    if words.threads:
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
            done = [of_level(model.denoiser, clean + sigma * eps, sigma)]
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


if __name__ == "__main__":
    main()
