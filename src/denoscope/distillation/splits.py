"""Which pictures a distillation fits, which it steers by, and which it is scored on."""

from dataclasses import dataclass

from denoscope.errors import InputError
from denoscope.images import Pictures, split_permutation

__all__ = ["Splits"]

VALIDATION, SCORE = 0.1, 0.2  # shares of the pictures given


@dataclass(frozen=True)
class Splits:
    """Three sets of pictures: `fit`, `validation` (law, stopping) and `score` (no fit saw it).

    Disjoint where the pictures stand for more of their kind (`Splits.of`). Where the law to distil
    on is exactly these pictures and no others, as with a whole training set, all three are the same
    (`Splits.shared`): unseen is then the noise.
    """

    fit: Pictures
    validation: Pictures
    score: Pictures

    @classmethod
    def of(cls, pictures: Pictures, seed: int = 0) -> "Splits":
        """Seven tenths to fit, one tenth to steer by, two tenths to score, dealt out by the seed.

        Raises InputError below 10 pictures.
        """
        n = len(pictures)
        if n < 10:
            raise InputError(
                f"{n} pictures to distil on; give 10 or more: they are split three ways"
            )
        order = split_permutation(n, seed)
        fit = n - round(VALIDATION * n) - round(SCORE * n)
        steer = fit + round(VALIDATION * n)
        return cls(
            pictures.take(order[:fit]),
            pictures.take(order[fit:steer]),
            pictures.take(order[steer:]),
        )

    @classmethod
    def shared(cls, pictures: Pictures) -> "Splits":
        """The same pictures for all three, told apart by their noise alone."""
        return cls(pictures, pictures, pictures)

    def __post_init__(self) -> None:
        shapes = {self.fit.shape, self.validation.shape, self.score.shape}
        if len(shapes) != 1:
            raise InputError(
                f"pictures of shapes {', '.join(map(str, sorted(shapes)))} to distil on; give one"
            )
        if min(len(self.fit), len(self.validation), len(self.score)) < 2:
            raise InputError(
                f"{len(self.fit)}, {len(self.validation)} and {len(self.score)} pictures to fit, to "
                "steer by and to score; give 2 or more of each"
            )

    @property
    def are_shared(self) -> bool:
        """Whether the pictures fitted are also those scored."""
        return self.fit.ids.equal(self.score.ids)
