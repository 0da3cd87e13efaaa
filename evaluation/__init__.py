"""How well methods do on images that nothing has seen, by the protocols of docs/evaluation.md."""

from fp.evaluation.trials import MeanOverSplits, balanced_accuracy, mean_of, split

__all__ = ["MeanOverSplits", "balanced_accuracy", "mean_of", "split"]
