"""All that judges by one fingerprint: it as a whole, and each of its experts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from fp.fingerprint.conditions.expert_view import view
from fp.fingerprint.conditions.phases import is_searched
from fp.fingerprint.decision.judge import Judge
from fp.fingerprint.model.fingerprint import Fingerprint


@dataclass(frozen=True, eq=False)
class Judges:
    """The judges of a fingerprint, each made when it is first asked for and kept as long as this.

    Parameters
    ----------
    whole : Judge
        That of the fingerprint itself.
    """

    whole: Judge
    _experts: dict[tuple[int, bool], Judge] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, fingerprint: Fingerprint) -> Judges:
        """Return the judges of a fingerprint."""
        return cls(Judge(fingerprint))

    @property
    def fingerprint(self) -> Fingerprint:
        """The fingerprint."""
        return self.whole.fingerprint

    def expert(self, index: int, searched: bool) -> Judge:
        """Return the judge of an expert, for a phase that is searched or known."""
        if (index, searched) not in self._experts:
            conditions = self.fingerprint.conditions
            assert conditions is not None
            seen, scores = view(self.fingerprint, index, searched), None
            if (worst := conditions.tested(index, searched)) is not None:
                scores = replace(seen.calibration, real=worst.real, generated=worst.generated)
            self._experts[index, searched] = Judge(seen, scores)
        return self._experts[index, searched]

    def of_row(self, condition: str | None, phase: str | None) -> Judge:
        """Return what judged a row, by its columns ``condition`` and ``phase``.

        Parameters
        ----------
        condition, phase : str or None
            The columns.

        Returns
        -------
        Judge
            The expert for the condition, or that of the fingerprint where it has none: the one with
            the calibration that the figures of the row come from.
        """
        conditions = self.fingerprint.conditions
        if conditions is None or condition is None:
            return self.whole
        return self.expert(conditions.names.index(condition), is_searched(phase))
