"""A denoiser whose answers are kept on disk, so that a benchmark that was killed asks nothing twice."""

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from denoscope.denoiser import Denoiser

__all__ = ["KeptAnswers"]


class KeptAnswers:
    """The same denoiser; rows it was asked before at a level come from `folder`.

    One file a level, of records (hash of the noisy picture, answer): appended to, and read again up
    to the last whole record. `asked` counts the denoiser's own evaluations.
    """

    def __init__(self, denoiser: Denoiser, folder: Path) -> None:
        self.denoiser, self.folder, self.asked = denoiser, folder, 0
        self.spec = denoiser.spec
        channels, height, width = self.spec.shape
        self.record = np.dtype([("key", "<u8"), ("answer", "<f4", channels * height * width)])
        self.level: float | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        level = float(sigma[0])
        if level != self.level:
            self._open(level)
        keys = [_key(row) for row in x.numpy()]
        missing = [place for place, key in enumerate(keys) if key not in self.rows]
        if missing:
            self.asked += len(missing)
            self.keep([keys[place] for place in missing], self.denoiser(x[missing], sigma))
        return torch.stack([self.rows[key] for key in keys]).reshape(x.shape)

    def keep(self, keys: list[int], answers: Tensor) -> None:
        """Append answers (n, C, H, W) under the keys of their inputs."""
        records = np.empty(len(keys), self.record)
        records["key"], records["answer"] = keys, answers.flatten(1).numpy()
        with open(self._path, "r+b" if self._path.exists() else "wb") as file:
            file.truncate(self.count * self.record.itemsize)  # half a record of a killed run
            file.seek(0, 2)
            file.write(records.tobytes())
        self.count += len(keys)
        self.rows.update(zip(keys, torch.from_numpy(records["answer"].copy()), strict=True))

    def _open(self, level: float) -> None:
        self.level, self._path = level, self.folder / f"{level:.6g}.answers"
        size = self._path.stat().st_size if self._path.exists() else 0
        self.count = size // self.record.itemsize
        kept = np.fromfile(self._path, self.record, self.count) if self.count else []
        answers = torch.from_numpy(kept["answer"].copy()) if self.count else []  # type: ignore[call-overload]
        keys = kept["key"].tolist() if self.count else []  # type: ignore[call-overload]
        self.rows = dict(zip(keys, answers, strict=True))


def _key(row: np.ndarray) -> int:
    return int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=8).digest(), "little")
