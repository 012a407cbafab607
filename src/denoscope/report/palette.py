"""How each denoiser and kind of input looks and is called, everywhere.

The hues are apart for the colour-blind (after Okabe and Ito), each stands out on white and on near
black alike, and every line has its own dash, so that a gray print can be read too.
"""

from dataclasses import dataclass

__all__ = [
    "MUTED",
    "SIGNALS",
    "Style",
    "denoiser_style",
    "in_order",
    "input_name",
    "input_style",
    "pair_style",
]

MUTED = "#85888f"


@dataclass(frozen=True)
class Style:
    """A line: its name in the legend, its colour and its dash pattern in pixels."""

    name: str
    colour: str
    dash: tuple[int, ...] = (1, 0)


_SOLID, _DASHED, _DOTTED, _MIXED = (1, 0), (7, 3), (2, 3), (9, 3, 2, 3)
_DENOISERS = {
    "network": Style("Network", "#1f7fc4", _SOLID),
    "gaussian": Style("Gaussian", "#0a9a74", _DASHED),
    "multi_delta": Style("Multi-delta", "#d9621e", _MIXED),
    "": Style("Held-out pictures", MUTED, _DOTTED),
    "identity": Style("Doing nothing", MUTED, _DOTTED),
    "mean": Style("The mean picture", MUTED, (4, 4)),
}
_SPARE = ("#a64ca6", "#b58900", "#5c6bc0", "#8d6e63")
_INPUTS = {
    "train": Style("Training pictures", "#a64ca6", _DASHED),
    "held_out": Style("Held-out pictures", "#1f7fc4", _SOLID),
    "noise": Style("Noise alone", MUTED, _DOTTED),
}
SIGNALS = {
    "copies": Style("Copies", "#d9621e"),
    "novelty": Style("Novelty", "#a64ca6", (7, 3)),
    "gap": Style("Gap", "#1f7fc4", (9, 3, 2, 3)),
    "position": Style("Position", "#0a9a74", (2, 3)),
    "linearity": Style("Linearity", "#b58900", (4, 4)),
}
"""The signals of a verdict, by name."""


def denoiser_style(name: str) -> Style:
    """The style of a denoiser; one unknown here gets a spare colour, always the same one."""
    known = _DENOISERS.get(name)
    if known is not None:
        return known
    spare = _SPARE[sum(name.encode()) % len(_SPARE)]
    return Style(name.replace("_", " ").capitalize(), spare, (5, 2))


def pair_style(name: str, reference: str) -> Style:
    """The style of a comparison: the colour of the closed form that the network is held against."""
    one, two = denoiser_style(name), denoiser_style(reference)
    if name == "network":
        return Style(f"{one.name} to {two.name}", two.colour, two.dash)
    return Style(f"{one.name} to {two.name}", MUTED, _DOTTED)


def input_style(inputs: str) -> Style:
    return _INPUTS[inputs]


def input_name(inputs: str) -> str:
    """What the denoisers were shown, as a caption."""
    noisy = {"train": "Noisy training pictures", "held_out": "Noisy held-out pictures"}
    return noisy.get(inputs, "Noise alone")


def in_order(pair: tuple[str, str]) -> tuple[int, int, tuple[str, str]]:
    """A sort key for (denoiser, reference): the network first, its rivals, then the baselines."""
    order = ["network", "gaussian", "multi_delta", "identity", "mean", ""]
    one, two = (order.index(name) if name in order else 9 for name in pair)
    return one, two, pair
