"""One image by its windows, for all fingerprints of a bank that have some."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from fp.denoisers.residual import DenoiserIdentity, Residual
from fp.fingerprint.decision.decision import Rule
from fp.fingerprint.decision.likelihood import stands_at_bound
from fp.fingerprint.decision.rows import Attribution, Detection
from fp.fingerprint.estimators.pixels import coding_statistics
from fp.fingerprint.model.evidence_map import EvidenceMap
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.model.windows import windows_across
from fp.fingerprint.windows.combining import BankWindows, Whole, WindowJudge, weights_of
from fp.fingerprint.windows.fields import Fields, Weights, fields_of
from fp.fingerprint.windows.maps import draw_map
from fp.images.degradations import Degradation
from fp.images.loading import LoadedImage


class Options(Protocol):
    """What is asked of windows; see `fp.fingerprint.detection.detection.DetectOptions`."""

    @property
    def rule(self) -> Rule:
        """Rule of the decision."""

    @property
    def fpr(self) -> float:
        """Rate of the decision."""

    @property
    def whole(self) -> bool:
        """Whether large images are examined as a whole."""

    @property
    def mapped(self) -> bool:
        """Whether a map is drawn."""


@dataclass(frozen=True, eq=False)
class Reading:
    """The windows of an image, computed when they are first asked for.

    Parameters
    ----------
    image : LoadedImage
        The image.
    bank : sequence of Fingerprint
        The fingerprints.
    windows : BankWindows
        Their windows, of the size that is asked.
    options : Options
        What is asked.
    residual_for : callable
        Makes the denoiser of an identity.
    """

    image: LoadedImage
    bank: Sequence[Fingerprint]
    windows: BankWindows
    options: Options
    residual_for: Callable[[DenoiserIdentity], Residual]
    _fields: dict[str, Fields] = field(default_factory=dict, init=False, repr=False)
    _answers: dict[str, Whole] = field(default_factory=dict, init=False, repr=False)

    def as_a_whole(self, rows: Sequence[Attribution]) -> list[Attribution]:
        """Decide by all windows where the image is larger than a crop, or too narrow.

        Of the rows of the bank's fingerprints, return the same, or what the windows say with the
        crop's answer beside. Windows decide only where every fingerprint of the bank has them, so
        that the bank is calibrated alike; one with windows has no conditions.
        """
        if not self.options.whole or not self.windows.complete:
            return list(rows)
        judges = [self.windows.by_name[row.fingerprint] for row in rows]
        larger = any(self._count(each) > each.grid[0] * each.grid[1] for each in judges)
        if not larger and all(row.score is not None for row in rows):
            return list(rows)
        return [
            self._whole(row, judge) if self._count(judge) else row
            for row, judge in zip(rows, judges, strict=True)
        ]

    def _count(self, judge: WindowJudge) -> int:
        size = judge.windows.size
        rows, columns = (
            windows_across(length, size, size) for length in (self.image.height, self.image.width)
        )
        return rows * columns

    def _whole(self, row: Attribution, judge: WindowJudge) -> Attribution:
        found = judge.judge(
            self._fields_of(judge.fingerprint),
            self.options.rule,
            self.options.fpr,
            p_typical=row.p_typical,
            corrected=self.windows.family.p,
        )
        self._answers[row.fingerprint] = found
        decision, reasons = found.answer.decision, found.answer.reasons
        joins = judge.fingerprint.joined is not None
        if decision == "supports_generator" and joins and row.p_typical is None:
            # What was not measured cannot have been passed.
            decision, reasons = "inconclusive", ("typicality_unknown", *reasons)
        made = replace(
            row,
            score=found.score,
            rho=None,
            mu_r=judge.calibration.mu_r,
            mu_g=judge.calibration.mu_g,
            p_real=found.answer.p_real,
            p_bank=found.p_bank,
            p_generated=found.answer.p_generated,
            log10_lr=found.log10_lr,
            at_bound=stands_at_bound(found.log10_lr, judge.ratio.lower, judge.ratio.upper),
            specific=found.specific,
            log10_lr_specific=found.log10_lr_specific,
            decision=decision,
            nearest_mean=found.answer.nearest_mean,
            reasons=reasons,
            windows=found.windows,
            windows_effective=found.effective,
            crop_score=row.score,
            crop_log10_lr=row.log10_lr,
            crop_decision=row.decision,
        )
        p = self._p_of_coding(judge.fingerprint) if row.score is None else row.p_condition
        return judge.whole.calibrated(made, p, self.image.compression, self.options.rule)

    def _p_of_coding(self, fingerprint: Fingerprint) -> float | None:
        """Return the p-value of the distance of an image that is smaller than the crop."""
        test = fingerprint.distribution
        if test is None:  # fewer blocks vary more, so such an image rather lies outside
            return None
        whole = Degradation(fingerprint.preparation).apply(self.image.rgb_hwc)
        return test.p(coding_statistics(whole))

    def completed(self, row: Detection, best: Attribution) -> Detection:
        """Return the row of the image with what windows add to it."""
        fingerprint = next(f for f in self.bank if f.name == best.fingerprint)
        area = self.image.height * self.image.width
        whole = self._answers.get(best.fingerprint)
        if whole is None:
            crop = fingerprint.crop_in_use
            seen = crop.height * crop.width
            return replace(row, examined=None if row.score is None else min(1.0, seen / area))
        side = self.windows.by_name[best.fingerprint].windows.size
        return replace(
            row,
            log10_lr_low=whole.interval[0],
            log10_lr_high=whole.interval[1],
            examined=whole.windows * side**2 / area,
        )

    def mapped(self, best: Attribution) -> EvidenceMap | None:
        """Draw the map of the first-ranked fingerprint. None where it has no windows here.

        The best of K fingerprints has one K-th of the rate.
        """
        judge = self.windows.by_name.get(best.fingerprint)
        if judge is None or best.score is None:
            return None
        rate = self.options.fpr / len(self.bank)
        fields = self._fields.get(best.fingerprint)
        if fields is None or (judge.windows.search is not None and not fields.moved):
            # Of a large bank, sums at all phases of all fingerprints would fill the memory.
            (fields,) = self._read([judge.fingerprint], searched=judge.windows.search is not None)
        return draw_map(fields, judge.windows, rate)

    def _fields_of(self, asked: Fingerprint) -> Fields:
        """Return its fields; the image is read once for all that see the same residual."""
        if asked.name in self._fields:
            return self._fields[asked.name]
        alike = [
            f
            for f in self.bank
            if f.windows is not None
            and f.preparation == asked.preparation
            and f.denoiser.digest == asked.denoiser.digest
        ]
        searched = self.options.mapped and len(alike) == 1
        for fingerprint, found in zip(alike, self._read(alike, searched), strict=True):
            self._fields[fingerprint.name] = found
        return self._fields[asked.name]

    def _read(self, alike: Sequence[Fingerprint], searched: bool) -> Iterator[Fields]:
        each = [weights_of(f) for f in alike]
        together = Weights(tuple(part for weights in each for part in weights.parts))
        pixels = Degradation(alike[0].preparation).apply(self.image.rgb_hwc)
        residual = self.residual_for(alike[0].denoiser)
        found = fields_of(pixels, residual, together, searched=searched)
        start = 0
        for weights in each:
            end = start + len(weights.parts)
            # Sums at all phases are those of one fingerprint.
            yield replace(found, measures=weights.measures, sums=found.sums[start:end])
            start = end
