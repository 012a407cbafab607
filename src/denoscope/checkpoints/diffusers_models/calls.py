"""Networks of diffusers as functions from a noisy picture and its time to a prediction."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

__all__ = ["Called", "Packed", "Sized"]


class Called(nn.Module):
    """network(x_t, t) of diffusers as a function from tensors to one: the prediction for x_t alone.

    channels: those of the prediction; a network that predicts a variance too has as many after them.
    keywords: what else it is told, tensors of one row, which every picture gets.
    """

    def __init__(self, network: nn.Module, channels: int, keywords: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.network, self.channels, self.keywords = network, channels, tuple(keywords)
        for name, value in keywords.items():
            self.register_buffer(f"told_{name}", value)
        for module in network.modules():
            if isinstance(module, nn.GroupNorm):
                module.register_forward_pre_hook(_laid_out)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        rows = {name: getattr(self, f"told_{name}") for name in self.keywords}
        rows = {name: row.expand(len(x), *row.shape[1:]) for name, row in rows.items()}
        with _attention():
            answer = self.network(x, timestep=t, return_dict=False, **rows)[0]
        return answer[:, : self.channels]


def _laid_out(module: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
    """torch's forward-mode derivative of a group norm takes its input in rows alone; values stay."""
    return (given[0].contiguous(),)


def _attention() -> AbstractContextManager[object]:
    """Under forward-mode differentiation the plain kernel, as the fused ones have no such derivative."""
    if forward_ad._current_level < 0:
        return nullcontext()
    return sdpa_kernel(SDPBackend.MATH)


class Sized(nn.Module):
    """A UNet2DConditionModel that takes a prompt's projection and a picture's size as SDXL does, in a dict."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, x: Tensor, text_embeds: Tensor, time_ids: Tensor, **told: object
    ) -> tuple[Tensor]:
        added = {"text_embeds": text_embeds, "time_ids": time_ids}
        return self.network(x, added_cond_kwargs=added, **told)


class Packed(nn.Module):
    """A FluxTransformer2DModel, which takes rows of patches of 2 x 2, called with pictures (B, C, H, W).

    A row holds 4 C values, and stands at (0, its line, its column); the prompt's rows stand at zero. The
    network is told a flow's time from 0 to 1, and multiplies it by 1000 itself.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, x: Tensor, timestep: Tensor, return_dict: bool = False, **told: Tensor
    ) -> tuple[Tensor]:
        batch, channels, height, width = x.shape
        lines, columns = height // 2, width // 2
        patches = x.reshape(batch, channels, lines, 2, columns, 2).permute(0, 2, 4, 1, 3, 5)
        places = torch.zeros(lines, columns, 3, dtype=x.dtype, device=x.device)
        places[..., 1] = torch.arange(lines, dtype=x.dtype, device=x.device)[:, None]
        places[..., 2] = torch.arange(columns, dtype=x.dtype, device=x.device)
        words = told["encoder_hidden_states"].shape[1]
        answer = self.network(
            patches.reshape(batch, lines * columns, 4 * channels),
            timestep=timestep / 1000,
            img_ids=places.reshape(-1, 3),
            txt_ids=torch.zeros(words, 3, dtype=x.dtype, device=x.device),
            return_dict=False,
            **told,
        )[0]
        answer = answer.reshape(batch, lines, columns, channels, 2, 2).permute(0, 3, 1, 4, 2, 5)
        return (answer.reshape(x.shape),)
