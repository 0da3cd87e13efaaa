"""Are error rates what they claim? Many random splits by source.

    python benchmarks/calibration.py --splits 200 --section calibration

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project).
"""

from __future__ import annotations

import sys

import click
import numpy as np
from held_out import CORPUS, GENERATORS, labelled, percent
from scipy.stats import kstest
from sections import publish, this_command
from sklearn.metrics import roc_auc_score

from fp.denoisers.cache import ResidualCache, default_folder
from fp.denoisers.population import Reduction
from fp.evaluation import mean_of, split
from fp.evaluation.statistics import cllr, cllr_min
from fp.fingerprint.decision import likelihood
from fp.fingerprint.decision.decision import p_real
from fp.fingerprint.estimators.folds import Labelled, shuffle_labels
from fp.fingerprint.learning.method import recipe
from fp.fingerprint.model.calibration import Calibration
from fp.fingerprint.model.typicality import LEVEL
from fp.images.crop import CropRule


def calibrated(learned, labels):
    index = learned.held.index
    own = labels[index]
    real, generated = learned.held.scores[~own], learned.held.scores[own]
    names = [tuple(f"{k:064x}" for k in range(s.size)) for s in (real, generated)]
    return Calibration(real, generated, *names, *names, learned.held.scheme)


def judged(method, stacks, labels, groups, training, seed, shuffled):
    inside = split(labels, groups, training, seed)
    known, unknown = np.flatnonzero(inside), np.flatnonzero(~inside)
    taught = labels[known]
    if shuffled:
        taught = shuffle_labels(taught, groups[known], np.random.default_rng([seed, 1]))
    learned = method.learn(
        {k: v[known] for k, v in stacks.items()}, Labelled(taught, groups[known], 10, seed)
    )
    calibration = calibrated(learned, taught)
    found = learned.score_all({k: v[unknown] for k, v in stacks.items()})
    return learned, calibration, found, labels[unknown]


def one_split(method, stacks, labels, groups, training, seed):
    learned, calibration, found, truth = judged(
        method, stacks, labels, groups, training, seed, shuffled=False
    )
    p = np.array([p_real(score, calibration) for score in found.score])
    typical = np.array([learned.typicality.p(d) > LEVEL for d in found.distances.statistic])
    ratio = likelihood.fit(calibration)
    log10_lr = np.array([ratio(score) for score in found.score])
    row = {
        f"reference images with p_real <= {rate:g}": np.mean(p[~truth] <= rate)
        for rate in (0.05, 0.01)
    }
    row |= {
        f"reference images claimed at {rate:g}": np.mean((p <= rate)[~truth] & typical[~truth])
        for rate in (0.05, 0.01)
    }
    row["Cllr"] = cllr(log10_lr, truth)
    row["Cllr less Cllr_min"] = cllr(log10_lr, truth) - cllr_min(log10_lr, truth)
    null = judged(method, stacks, labels, groups, training, seed, shuffled=True)
    area = roc_auc_score(null[3], null[2].score)
    # One reference image a split: those of one split share a fingerprint.
    place = np.random.default_rng([seed, 2]).integers(np.count_nonzero(~truth))
    return row, area, p_real(null[2].score[~null[3]][place], null[1])


@click.command()
@click.option("--generator", "generators", multiple=True, default=GENERATORS, show_default=True)
@click.option("--method", default="auto", show_default=True)
@click.option("--denoiser", default="wavelet", show_default=True)
@click.option("--training", default=128, show_default=True, help="Images of each class.")
@click.option("--splits", default=200, show_default=True)
@click.option("--section", help="Section of a page of docs/ to replace.")
def main(generators, method, denoiser, training, splits, section):
    """Count claims, costs and nulls over random splits; print a table or put it in its page."""
    store = ResidualCache(default_folder())
    reduction = Reduction(denoiser, CropRule(256, 256))
    lines: dict[str, list[str]] = {}
    for generator in generators:
        made = recipe(method)
        data = labelled(CORPUS / "generated" / generator, made, reduction, store)
        found = [one_split(made, *data, training, seed) for seed in range(splits)]
        for name in found[0][0]:
            values = [row[name] for row, _, _ in found]
            m = mean_of(values)
            shown = m.text(4) if "Cllr" in name else percent(values)
            lines.setdefault(name, []).append(shown)
        areas = mean_of([area for _, area, _ in found])
        lines.setdefault("AUC, shuffled labels", []).append(areas.text(3))
        # Conformal p-values are multiples of 1 / (n + 1): uniform noise fills the steps.
        ps = np.array([p for _, _, p in found])
        ps -= np.random.default_rng(0).uniform(0, 1 / (training + 1), ps.size)
        test = kstest(ps, "uniform")
        lines.setdefault("p_real, shuffled labels, Kolmogorov-Smirnov p", []).append(
            f"{test.pvalue:.2f}"
        )
        print(generator, {name: cells[-1] for name, cells in lines.items()}, file=sys.stderr)
    table = [f"| figure | {' | '.join(generators)} |", "| --- " * (1 + len(generators)) + "|"]
    table += [f"| {name} | {' | '.join(cells)} |" for name, cells in lines.items()]
    publish(section, this_command(), "\n".join(table))


if __name__ == "__main__":
    main()
