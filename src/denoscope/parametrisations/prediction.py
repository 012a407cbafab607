"""The things a model can be trained to predict, and how each one is x0_hat in other words.

With x_t = alpha x0 + sigma eps, and E the model's best guess given x_t:

    epsilon     E[eps]                       x0 = (x_t - sigma eps) / alpha            Ho et al. 2020, eq. 15
    velocity    E[alpha eps - sigma x0]      x0 = (alpha x_t - sigma v) / (alpha^2 + sigma^2)
                                                                          Salimans and Ho 2022, appendix D
    x0          E[x0]                        x0
    score       grad_{x_t} log p_t(x_t)      x0 = (x_t + sigma^2 score) / alpha        Tweedie; Song et al. 2021
    flow        E[eps - x0]                  x0 = (x_t - sigma u) / (alpha + sigma)    Liu et al. 2023, eq. 1
    flow-to-data    E[x0 - eps]              the same with -u

All are affine in x0_hat at a given x_t, so that either direction is exact. Salimans and Ho's v has
alpha^2 + sigma^2 = 1, and the straight flow alpha + sigma = 1, where the divisors are 1; the forms
above hold for every schedule.
"""

from typing import Literal, get_args

from torch import Tensor

from denoscope.errors import InputError

__all__ = ["Prediction", "check_prediction", "prediction_from_x0", "x0_from_prediction"]

Prediction = Literal["epsilon", "velocity", "x0", "score", "flow", "flow-to-data"]


def check_prediction(name: str) -> None:
    """Raises InputError for what is none of these."""
    if name not in get_args(Prediction):
        raise InputError(
            f"prediction={name!r} is not known: give one of {', '.join(get_args(Prediction))}"
        )


def x0_from_prediction(
    prediction: Prediction, x_t: Tensor, value: Tensor, alpha: Tensor, sigma: Tensor
) -> Tensor:
    """x0_hat from a model's answer `value` at x_t; alpha and sigma broadcast with x_t."""
    match prediction:
        case "epsilon":
            return (x_t - sigma * value) / alpha
        case "velocity":
            return (alpha * x_t - sigma * value) / (alpha**2 + sigma**2)
        case "x0":
            return value
        case "score":
            return (x_t + sigma**2 * value) / alpha
        case "flow":
            return (x_t - sigma * value) / (alpha + sigma)
        case "flow-to-data":
            return (x_t + sigma * value) / (alpha + sigma)


def prediction_from_x0(
    prediction: Prediction, x_t: Tensor, x0: Tensor, alpha: Tensor, sigma: Tensor
) -> Tensor:
    """The inverse: what a model of this kind answers at x_t where its best guess is x0."""
    match prediction:
        case "epsilon":
            return (x_t - alpha * x0) / sigma
        case "velocity":
            return (alpha * x_t - (alpha**2 + sigma**2) * x0) / sigma
        case "x0":
            return x0
        case "score":
            return (alpha * x0 - x_t) / sigma**2
        case "flow":
            return (x_t - (alpha + sigma) * x0) / sigma
        case "flow-to-data":
            return ((alpha + sigma) * x0 - x_t) / sigma
