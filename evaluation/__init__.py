"""How well methods do on images that nothing has seen, by the protocols of docs/evaluation.md."""

from fp.evaluation.trials import MeanOverSplits, Trial, balanced_accuracy, mean_of, split, trial

__all__ = ["MeanOverSplits", "Trial", "balanced_accuracy", "mean_of", "split", "trial"]
