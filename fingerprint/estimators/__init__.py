"""From residuals to a pattern and from a pattern to scores: one module an estimator."""
