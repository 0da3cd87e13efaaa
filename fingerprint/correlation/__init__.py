"""Correlations, moments and folds of residuals and patterns, one by one or by the thousand."""
