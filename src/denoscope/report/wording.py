"""The page's words and numbers: plain sentences for labels, names for figures, digits that matter."""

import math

__all__ = [
    "HEADLINE_NAMES",
    "PAPER",
    "STATUS_WORDS",
    "VERDICT_WORDS",
    "VOTE_WORDS",
    "figure_name",
    "interval",
    "number",
    "sigma_text",
]

VERDICT_WORDS = {
    "memorizing": (
        "memorizes",
        "It has learned its training pictures themselves, and its samples repeat them.",
    ),
    "transitional": (
        "lies between generalizing and memorizing",
        "Some signals point to its training pictures, others to the structure of the data.",
    ),
    "generalizing": (
        "generalizes",
        "It has learned the structure of the data, and treats new pictures as it does its own.",
    ),
    "undertrained": (
        "is undertrained",
        "It does not yet denoise its own training pictures as well as the simplest denoisers do.",
    ),
    "not_enough_evidence": (
        "cannot be judged yet",
        "The evidence at hand does not carry a verdict; what is missing is listed below.",
    ),
}

VOTE_WORDS = {
    "memorizing": "memorizing",
    "generalizing": "generalizing",
    "transitional": "transitional",
    "undertrained": "undertrained",
    "none": "no vote",
}

STATUS_WORDS = {
    "ok": "fine",
    "broken": "broken",
    "underfit": "underfit",
    "memorizing_evidence": "evidence of memorization",
}

HEADLINE_NAMES = {
    "memorization_ratio": "Samples that copy a training picture (d1/d2 < 1/3)",
    "memorization_ratio_control": "Held-out pictures that pass the same test",
    "memorization_excess": "Copies in excess of the held-out control",
    "gl_pixel": "GL of the samples, in pixels",
    "gl_pixel_control": "GL of held-out pictures, the control",
    "gl_ratio": "GL of the samples over its control",
    "rmse_gap": "Held-out minus training denoising error (RMSE)",
    "score_error_gaussian": "Distance to the Gaussian denoiser (RMSE)",
    "score_error_multi_delta": "Distance to the multi-delta denoiser (RMSE)",
    "linearity_lowest_held_out": "Lowest linearity score on held-out pictures",
    "linearity_lowest_noise": "Lowest linearity score on noise alone",
    "linearity_cosine": "Linearity score (cosine)",
    "linearity_cosine_gaussian": "Linearity score of the Gaussian denoiser, the reference",
    "toward_multi_delta": "Place between the Gaussian (0) and the multi-delta (1)",
    "explained_gaussian": "Share explained by the Gaussian",
    "explained_multi_delta": "Share explained by the multi-delta",
}

PAPER = (
    "X. Li, Y. Dai, Q. Qu. Understanding Generalizability of Diffusion Models Requires Rethinking "
    "the Hidden Gaussian Structure. NeurIPS 2024, arXiv:2410.24060."
)


def figure_name(key: str) -> str:
    """The name of a headline figure; a key unknown here, with its underscores opened."""
    words = key.replace("_", " ")
    return HEADLINE_NAMES.get(key, words[:1].upper() + words[1:])


def number(value: float | None) -> str:
    """Three significant digits, never scientific where it can be read plainly, a true minus sign."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        text = f"{value:,.0f}"
    elif size < 1e-4:
        text = f"{value:.1e}"
    else:
        places = max(0, 2 - math.floor(math.log10(size)))
        text = f"{value:.{min(places, 4)}f}"
    return text.replace("-", "−")


def interval(low: float | None, high: float | None) -> str:
    """ "0.12 to 0.34", or nothing where an end is unknown."""
    return "" if low is None or high is None else f"{number(low)} to {number(high)}"


def sigma_text(sigma: float) -> str:
    """A noise level for a label: 80, 4.07, 0.47, 0.002."""
    return f"{sigma:.3g}"
