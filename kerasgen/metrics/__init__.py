"""Evaluation metrics: functions on arrays that keep the field's names.

A feature extractor is a model that the caller hands in; nothing here names one.
"""

from kerasgen.metrics.classification import accuracy
from kerasgen.metrics.evaluator import Evaluator, Report
from kerasgen.metrics.extractor import FeatureExtractor, Features
from kerasgen.metrics.frechet import (
    fid,
    fid_of_moments,
    frechet_distance,
    statistics,
)
from kerasgen.metrics.images import psnr, sharpness, ssim
from kerasgen.metrics.inception import inception_score
from kerasgen.metrics.manifold import density_coverage, precision_recall
from kerasgen.metrics.memorization import Memorization, memorization
from kerasgen.metrics.mmd import kid, polynomial_mmd
from kerasgen.metrics.modes import ModeCoverage, modes_covered
from kerasgen.metrics.moments import Moments
from kerasgen.metrics.path_length import perceptual_path_length
from kerasgen.metrics.resize import resize_images
from kerasgen.metrics.statistics_file import (
    FrechetStatistics,
    StatisticsError,
    load_statistics,
    save_statistics,
)

__all__ = [
    "Evaluator",
    "FeatureExtractor",
    "Features",
    "FrechetStatistics",
    "Memorization",
    "ModeCoverage",
    "Moments",
    "Report",
    "StatisticsError",
    "accuracy",
    "density_coverage",
    "fid",
    "fid_of_moments",
    "frechet_distance",
    "inception_score",
    "kid",
    "load_statistics",
    "memorization",
    "modes_covered",
    "perceptual_path_length",
    "polynomial_mmd",
    "precision_recall",
    "psnr",
    "resize_images",
    "save_statistics",
    "sharpness",
    "ssim",
    "statistics",
]
