"""Real pictures in: one door, one set type, exact integer distances, synthetic sets."""

from denoscope.images.array_files import read_array, write_array
from denoscope.images.decoding import cache_folder
from denoscope.images.distances import nearest_pictures, squared_distances
from denoscope.images.duplicates import (
    Contained,
    DuplicateGroups,
    contained,
    duplicate_threshold,
    near_duplicate_groups,
)
from denoscope.images.integers import centred, integer_matmul, integer_moments
from denoscope.images.named import NAMED
from denoscope.images.opening import open_images
from denoscope.images.pictures import Pictures, split_permutation
from denoscope.images.synthetic import GaussianPictures, MixturePictures

__all__ = [
    "NAMED",
    "Contained",
    "DuplicateGroups",
    "GaussianPictures",
    "MixturePictures",
    "Pictures",
    "cache_folder",
    "centred",
    "contained",
    "duplicate_threshold",
    "integer_matmul",
    "integer_moments",
    "near_duplicate_groups",
    "nearest_pictures",
    "open_images",
    "read_array",
    "split_permutation",
    "squared_distances",
    "write_array",
]
