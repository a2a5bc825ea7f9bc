"""Evaluation metrics: functions on arrays that keep the field's names.

A feature extractor is a model that the caller hands in; nothing here names one.
"""

from kerasgen.metrics.features import accuracy, extract_features
from kerasgen.metrics.frechet import fid, frechet_distance, statistics

__all__ = [
    "accuracy",
    "extract_features",
    "fid",
    "frechet_distance",
    "statistics",
]
