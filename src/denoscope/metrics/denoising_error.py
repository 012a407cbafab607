"""How far a denoised picture is from the clean one."""

from torch import Tensor

from denoscope.metrics.per_picture import rows

__all__ = ["psnr", "rmse"]


def rmse(a: Tensor, b: Tensor) -> Tensor:
    """||a - b||_2 / sqrt(d) of each picture, float64 (B,), in pixel units of [-1, 1].

    a, b: (B, C, H, W), d = C H W. With a = D(x0 + sigma eps; sigma) and b = x0 the denoising error;
    doing nothing (a = x) has about sigma, the mean picture about the data's standard deviation.

    >>> import torch
    >>> rmse(torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 0.5))
    tensor([0.5000], dtype=torch.float64)
    """
    a, b = rows(a, b)
    return (a - b).square().mean(dim=1).sqrt()


def psnr(x0_hat: Tensor, x0: Tensor) -> Tensor:
    """10 log10(4 / MSE) of each picture in dB, float64 (B,): pixels range over 2, from -1 to 1.

    x0_hat, x0: (B, C, H, W). Infinite where both are equal; values are not clipped first.

    >>> import torch
    >>> psnr(torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 0.2))
    tensor([20.0000], dtype=torch.float64)
    """
    return 20 * (2 / rmse(x0_hat, x0)).log10()
