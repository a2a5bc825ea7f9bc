"""Datasets: named ones, folders of images, mixtures, and arrays in memory."""

from kerasgen.datasets.array_dataset import ArrayDataset
from kerasgen.datasets.augmentation import Augmentation
from kerasgen.datasets.clustering import cluster
from kerasgen.datasets.folder import is_grey_folder, load_folder
from kerasgen.datasets.levels import quantize
from kerasgen.datasets.mixtures import gaussian_mixture, grid_centers, ring_centers
from kerasgen.datasets.named import LOADERS, load
from kerasgen.datasets.stratified import StratifiedDataset

__all__ = [
    "LOADERS",
    "ArrayDataset",
    "Augmentation",
    "StratifiedDataset",
    "cluster",
    "gaussian_mixture",
    "grid_centers",
    "load",
    "is_grey_folder",
    "load_folder",
    "quantize",
    "ring_centers",
]
