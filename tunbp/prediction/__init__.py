"""Your path: what is known and what is not, predicted as distributions, and what to do about it."""

from tunbp.prediction.distribution import Prediction, predict

__all__ = ["Prediction", "predict"]
