"""GL score in pixels: how new a generated picture is, against the training set."""

from torch import Tensor

from denoscope.errors import InputError
from denoscope.metrics.per_picture import rows

__all__ = ["gl_pixel"]


def gl_pixel(pictures: Tensor, nearest_distance: Tensor) -> Tensor:
    """||x - NN(x)||_2 / ||x||_2 of each picture, float64 (B,) (Li et al. 2024, eq. 14), from 0 up.

    pictures: generated (B, C, H, W) in [-1, 1]. nearest_distance: (B,), Euclidean distances to the
    nearest training picture in the same units (`nearest(pictures, train).distances[:, 0]`).

    0 is a copy. The paper's "above 0.6 generalizes" is for faces at 64 pixels: the score of real
    held-out pictures depends on the data and falls as the training set grows, so measure these
    against the same training set and judge by the ratio. Infinite for an all-zero picture.

    >>> import torch
    >>> gl_pixel(torch.ones(1, 1, 2, 2), torch.tensor([0.5]))
    tensor([0.2500], dtype=torch.float64)
    """
    (x,) = rows(pictures)
    if tuple(nearest_distance.shape) != (x.shape[0],):
        raise InputError(
            f"{tuple(nearest_distance.shape)} nearest distances for {x.shape[0]} pictures; "
            f"give ({x.shape[0]},), one a picture"
        )
    return nearest_distance.to(x) / x.norm(dim=1)
