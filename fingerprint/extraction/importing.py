"""Import of patterns that others learned, as fingerprints calibrated on the images at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fp.denoisers.cache import ResidualCache
from fp.fingerprint.estimators.published import Published
from fp.fingerprint.extraction.extraction import Study
from fp.fingerprint.extraction.options import Extraction, ExtractOptions
from fp.fingerprint.learning.method import Recipe
from fp.fingerprint.store.record import check_name
from fp.system.progress import Progress


def calibrate(
    published: Published,
    generated: Path,
    real: Path,
    name: str,
    options: ExtractOptions | None = None,
    cache: ResidualCache | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Extraction:
    """Make a fingerprint of a published pattern, with held-out scores of images in two folders.

    All of them count as held out, so the pattern must not have been learned from any; only its sign
    comes from them, fold by fold. The examined part is as large as the pattern; of the options,
    method and size follow from it. Errors are those of
    `fp.fingerprint.extraction.extraction.extract`.
    """
    check_name(name)
    part = published.estimator
    height, width = published.pattern.shape[1:]
    options = replace(options or ExtractOptions(), method=part.name, size=(height, width))
    made = Study.of((generated,), real, options, jobs, progress)
    study = replace(made, method=Recipe(part.name, (part,)))
    with study.store_of(cache) as store:
        found = study.learn(name, study.survey(store), store)
    origin = {**found.fingerprint.parameters, "imported": published.origin}
    return replace(found, fingerprint=replace(found.fingerprint, parameters=origin))
