"""The method of experts: that of the fingerprint, with parts that look at pixels where it joins."""

from __future__ import annotations

from fp.fingerprint.estimators import registry as estimators
from fp.fingerprint.estimators.recipes import OF_EXPERTS
from fp.fingerprint.learning.method import Recipe
from fp.system.errors import UsageError


def with_pixels(method: Recipe) -> Recipe:
    """Return the method of the experts.

    Parameters
    ----------
    method : Recipe
        The method of the fingerprint.

    Returns
    -------
    Recipe
        A method that joins closed forms with `OF_EXPERTS` behind; one estimator as it is.

    Raises
    ------
    UsageError
        If it joins a part that is learned once only, or says nothing of the generator.
    """
    if not method.specific.any():
        raise UsageError(
            f"--augment needs a part that speaks of the generator; {method.name} has none."
        )
    if not method.joins:
        return method
    if not method.is_closed_form:
        raise UsageError(
            "--augment goes with --method auto or lattice without dif; the experts join closed "
            "forms."
        )
    added = tuple(estimators.get(name, **chosen) for name, chosen in OF_EXPERTS)
    return Recipe(method.name, (*method.parts, *added))
