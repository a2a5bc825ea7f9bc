"""Keras callbacks for generative models."""

from kerasgen.callbacks.best_weights import BestWeights
from kerasgen.callbacks.checkpoint import Checkpoint
from kerasgen.callbacks.evaluate import Evaluate
from kerasgen.callbacks.player_learning_rate import PlayerLearningRate
from kerasgen.callbacks.reconstruction_grid import ReconstructionGrid
from kerasgen.callbacks.sample_grid import SampleGrid
from kerasgen.callbacks.training_health import TrainingHealth

__all__ = [
    "BestWeights",
    "Checkpoint",
    "Evaluate",
    "PlayerLearningRate",
    "ReconstructionGrid",
    "SampleGrid",
    "TrainingHealth",
]
