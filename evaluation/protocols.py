"""The protocols as data: what each varies, and the cells that it comes to.

A protocol of a configuration is one of five families. Sizes that the data do not reach are left out
and reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, get_args

from fp.denoisers import registry
from fp.evaluation.adapter import FpMethod
from fp.evaluation.bank_cell import TABLES, BankCell
from fp.evaluation.bench import MIX, Bench, SplitBy
from fp.evaluation.cells import AttributionCell, Cell, DetectionCell, SemanticCell
from fp.evaluation.dataset import REAL
from fp.evaluation.editing import EditingCell, editable
from fp.evaluation.features import EDGES
from fp.evaluation.methods import Choice
from fp.evaluation.splits import contents, divide
from fp.images.degradations import Degradation
from fp.system.errors import UsageError

SCHEMES = ("reference", "rest", "pairs")
"""Against what a class of an attribution is learned."""


@dataclass(frozen=True)
class Protocol:
    """What all protocols have.

    Parameters
    ----------
    kind, name : str
        What it is, and its name in the tables; by default its kind.
    methods : tuple of Choice
        Methods.
    denoisers, generators : tuple of str
        Denoisers, for methods that see residuals; generators, all of the data set where none is
        named.
    sizes : tuple of int
        Training images of each class.
    seeds, nulls : int
        Number of splits, and how many of them are repeated with shuffled labels.
    """

    kind: str
    name: str
    methods: tuple[Choice, ...]
    denoisers: tuple[str, ...]
    generators: tuple[str, ...]
    sizes: tuple[int, ...]
    seeds: int
    nulls: int

    kinds: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for denoiser in self.denoisers:
            if denoiser == EDGES and self.kind == "post_editing":
                raise UsageError(f"Protocol {self.name!r}: a map needs residuals, not edges.")
            if denoiser != EDGES:
                registry.check_name(denoiser)
        for size in self.sizes:
            if size < 8:
                raise UsageError(f"Protocol {self.name!r}: {size} training images are too few.")
        if self.seeds < 1 or not 0 <= self.nulls <= self.seeds:
            raise UsageError(
                f"Protocol {self.name!r}: {self.seeds} seeds with {self.nulls} nulls are not "
                "possible; at least one seed, and no more nulls than seeds."
            )
        for condition in self.conditions_named():
            if condition != MIX:
                Degradation(condition)

    def conditions_named(self) -> tuple[str, ...]:
        """Return all conditions."""
        return ()

    def cells(self, bench: Bench, left_out: list[str]) -> Iterator[Cell]:
        """Return its cells; what the data do not reach is told in `left_out`."""
        raise NotImplementedError

    def _runs(
        self,
        generators: tuple[str, ...],
        size: int,
        bench: Bench,
        left_out: list[str],
        conditions: Sequence[str] = ("none",),
    ) -> Iterator[Cell]:
        """Yield what all cells have, for every method, denoiser, seed, and labels as they are."""
        for method in self.methods:
            if bench.stranger_to_scores(method, conditions, (REAL, *generators)):
                told = ", ".join((*conditions, *generators))
                left_out.append(f"{self.name}: {method.name} has no scores for all of {told}")
                continue
            for denoiser in self.denoisers if method.sees == "residual" else ("",):
                for seed in range(self.seeds):
                    for shuffled in (False, True) if seed < self.nulls else (False,):
                        yield Cell(self.name, method, denoiser, generators, size, seed, shuffled)

    def _generators(self, bench: Bench) -> tuple[str, ...]:
        for name in self.generators:
            bench.dataset.member(name)
        return self.generators or bench.dataset.generators

    def _reached(self, bench: Bench, generator: str, left_out: list[str]) -> Iterator[int]:
        """Yield the sizes that leave something to test on."""
        most = min(len(bench.dataset.member(name).pictures) for name in (REAL, generator))
        for size in self.sizes:
            if size < most:
                yield size
            else:
                left_out.append(f"{self.name}: {generator} has no {size} images to train on")


@dataclass(frozen=True)
class DetectionProtocol(Protocol):
    """One generator against photographs: sample size, compression, degradation.

    Parameters
    ----------
    train : tuple of str
        Conditions of the training images; ``mix`` deals `conditions` over them.
    conditions : tuple of str
        Conditions of the test images.
    """

    train: tuple[str, ...] = ("none",)
    conditions: tuple[str, ...] = ("none",)

    kinds: ClassVar[tuple[str, ...]] = ("sample_size", "compression", "degradation")

    def conditions_named(self) -> tuple[str, ...]:
        """Return all conditions."""
        return (*self.train, *self.conditions)

    def cells(self, bench: Bench, left_out: list[str]) -> Iterator[Cell]:
        """Yield a cell for every method, generator, size, training condition and seed."""
        for generator in self._generators(bench):
            for size in self._reached(bench, generator, left_out):
                for run in self._runs((generator,), size, bench, left_out, self.conditions):
                    for train in self.train:
                        yield DetectionCell(
                            **vars(run),
                            trained_on=train,
                            conditions=self.conditions,
                            mixed=self.conditions if train == MIX else (),
                        )


@dataclass(frozen=True)
class Semantic(Protocol):
    """Learn from one content, test on the others, beside random training sets as large.

    Parameters
    ----------
    clusters : int
        Number of clusters of thumbnails that ``looks`` takes for contents. ``semantic`` takes
        folders.
    conditions : tuple of str
        Conditions of the test images.
    """

    clusters: int = 3
    conditions: tuple[str, ...] = ("none",)

    kinds: ClassVar[tuple[str, ...]] = ("semantic", "looks")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clusters < 2:
            raise UsageError(f"Protocol {self.name!r}: {self.clusters} clusters are too few.")

    def conditions_named(self) -> tuple[str, ...]:
        """Return all conditions."""
        return self.conditions

    def cells(self, bench: Bench, left_out: list[str]) -> Iterator[Cell]:
        """Yield a cell for every method, generator, content and seed."""
        clusters = self.clusters if self.kind == "looks" else 0
        try:
            names, distinct = contents(bench, clusters)
        except UsageError as error:
            left_out.append(f"{self.name}: {error}")
            return
        for generator in self._generators(bench):
            numbers, labels = bench.detection(generator)
            for place, content in enumerate(distinct):
                inside = names[numbers] == content
                fewest = min(int((inside & (labels == k)).sum()) for k in (False, True))
                if fewest < 8:
                    left_out.append(f"{self.name}: {content} has {fewest} images of {generator}")
                    continue
                size = max(self.sizes)
                for run in self._runs((generator,), size, bench, left_out, self.conditions):
                    yield SemanticCell(
                        **vars(run),
                        clusters=clusters,
                        content=place,
                        conditions=self.conditions,
                    )


@dataclass(frozen=True)
class AttributionProtocol(Protocol):
    """Classes of a closed set: attribution, settings, perturbation, representation.

    Parameters
    ----------
    train : tuple of str
        Conditions of the training images; ``same`` learns anew for each test condition.
    conditions : tuple of str
        Conditions of the test images.
    schemes : tuple of str
        Of `SCHEMES`.
    reference : bool
        Whether photographs are a class.
    split : {"sources", "contents", "images"}
        What is never on both sides: a source, a content, or a single image. With ``images`` the
        training images show what the test images show.
    """

    train: tuple[str, ...] = ("none",)
    conditions: tuple[str, ...] = ("none",)
    schemes: tuple[str, ...] = ("rest",)
    reference: bool = True
    split: SplitBy = "sources"

    kinds: ClassVar[tuple[str, ...]] = (
        "attribution",
        "settings",
        "perturbation",
        "representation",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for scheme in self.schemes:
            if scheme not in SCHEMES:
                raise UsageError(f"Unknown scheme {scheme!r}; there are {', '.join(SCHEMES)}.")
            if scheme == "reference" and not self.reference:
                raise UsageError("Scheme 'reference' needs photographs; set reference = true.")
        if self.split not in get_args(SplitBy):
            known = ", ".join(get_args(SplitBy))
            raise UsageError(f"Unknown split {self.split!r}; there are {known}.")

    def conditions_named(self) -> tuple[str, ...]:
        """Return all conditions."""
        return (*(t for t in self.train if t != "same"), *self.conditions)

    def cells(self, bench: Bench, left_out: list[str]) -> Iterator[Cell]:
        """Yield a cell for every method, scheme, size, training condition and seed."""
        generators = self._generators(bench)
        classes = (REAL, *generators) if self.reference else generators
        pairs = [
            pair
            for train in self.train
            for pair in (
                [(c, (c,)) for c in self.conditions if c not in self.train]
                if train == "same"
                else [(train, self.conditions)]
            )
        ]
        for size in _reached(self, bench, classes, left_out, self.split):
            for scheme in self.schemes:
                name = f"{self.name}, {scheme}" if len(self.schemes) > 1 else self.name
                for run in self._runs(generators, size, bench, left_out):
                    asked = [c for _, conditions in pairs for c in conditions]
                    if bench.stranger_to_scores(run.method, asked, classes, closed=True):
                        told = f"{self.name}: {run.method.name} has no scores for all classes"
                        left_out.append(f"{told} and conditions")
                        continue
                    # They were not learned here: neither from other labels nor other images.
                    once = {tested: train for train, tested in reversed(pairs)}
                    scored = [(train, tested) for tested, train in once.items() if not run.shuffled]
                    for train, conditions in scored if run.method.sees == "scores" else pairs:
                        yield AttributionCell(
                            **vars(run) | {"protocol": name},
                            trained_on=train,
                            conditions=conditions,
                            mixed=self.conditions if train == MIX else (),
                            reference=self.reference,
                            scheme=scheme,
                            split_by=self.split,
                        )


@dataclass(frozen=True)
class Editing(Protocol):
    """Parts of test images replaced: whether they are still told, and where the map points.

    Parameters
    ----------
    shares : tuple of (float, float)
        Ranges of the replaced share of the area.
    """

    shares: tuple[tuple[float, float], ...] = ((0.0, 0.15), (0.15, 0.30), (0.30, 0.60))

    kinds: ClassVar[tuple[str, ...]] = ("post_editing",)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "shares", tuple(tuple(pair) for pair in self.shares))
        for pair in self.shares:
            if len(pair) != 2 or not 0 <= pair[0] < pair[1] < 1:
                raise UsageError(
                    f"Protocol {self.name!r}: {pair!r} is no range of shares between 0 and 1."
                )

    def cells(self, bench: Bench, left_out: list[str]) -> Iterator[Cell]:
        """Yield a cell for every method, generator, size and seed."""
        for generator in self._generators(bench):
            for size in self._reached(bench, generator, left_out):
                for run in self._runs((generator,), size, bench, left_out):
                    made = run.method.make() if run.method.sees == "residual" else None
                    if not isinstance(made, FpMethod) or not editable(made, bench):
                        left_out.append(f"{self.name}: {run.method.name} has no windows here")
                        continue
                    yield EditingCell(**vars(run), shares=self.shares)


@dataclass(frozen=True)
class BankProtocol(Protocol):
    """A fingerprint for each generator: open set, specificity, growing bank, strangers.

    Parameters
    ----------
    tables : tuple of str
        Which of `bank_cell.TABLES`.
    """

    tables: tuple[str, ...] = TABLES

    kinds: ClassVar[tuple[str, ...]] = ("bank",)

    def __post_init__(self) -> None:
        super().__post_init__()
        for table in self.tables:
            if table not in TABLES:
                raise UsageError(f"A bank has no table {table!r}; there are {', '.join(TABLES)}.")

    def cells(self, bench: Bench, left_out: list[str]) -> Iterator[Cell]:
        """Yield a cell for every method, size and seed."""
        generators = self._generators(bench)
        for size in _reached(self, bench, (REAL, *generators), left_out):
            for run in self._runs(generators, size, bench, left_out):
                if run.method.sees == "scores":
                    left_out.append(f"{self.name}: {run.method.name} has no fingerprints")
                    continue
                strangers = bench.dataset.strangers if "strangers" in self.tables else ()
                yield BankCell(**vars(run), tables=self.tables, strangers=strangers)


def _reached(
    protocol: Protocol,
    bench: Bench,
    classes: Sequence[str],
    left_out: list[str],
    by: SplitBy = "sources",
) -> list[int]:
    """Return the sizes that every split of every seed can have."""
    found = []
    for size in protocol.sizes:
        try:
            for seed in range(protocol.seeds):
                divide(bench, classes, size, seed, by)
        except UsageError as error:
            left_out.append(f"{protocol.name}: {error}")
            continue
        found.append(size)
    return found


FAMILIES: dict[str, type[Protocol]] = {
    kind: family
    for family in (DetectionProtocol, Semantic, AttributionProtocol, Editing, BankProtocol)
    for kind in family.kinds
}
"""Family of protocols by kind."""


def make_protocol(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> Protocol:
    """Make a protocol from a table of the configuration. `UsageError` if a key or value is unknown.

    Defaults hold where the table says nothing; those that its family does not have are passed over.
    """
    kind = given.get("kind")
    if kind not in FAMILIES:
        raise UsageError(f"Unknown protocol {kind!r}; there are {', '.join(sorted(FAMILIES))}.")
    family = FAMILIES[kind]
    names = {f.name: f for f in fields(family)}
    for key in given:
        if key not in names:
            raise UsageError(
                f"Protocol {kind!r} has no {key!r}; there are {', '.join(sorted(names))}."
            )
    values: dict[str, Any] = {"name": kind, **{k: v for k, v in defaults.items() if k in names}}
    values |= {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    missing = [n for n, f in names.items() if n not in values and f.default is MISSING]
    if missing:
        raise UsageError(f"Protocol {kind!r} does not say {', '.join(missing)}.")
    for name, value in values.items():
        expected = names[name].type
        if str(expected).startswith("tuple") and not isinstance(value, tuple):
            raise UsageError(f"Protocol {kind!r}: {name} is a list, not {value!r}.")
        if expected in ("int", "bool", "str") and type(value).__name__ != expected:
            raise UsageError(f"Protocol {kind!r}: {name} is {expected}, not {value!r}.")
    values["nulls"] = min(values["nulls"], values["seeds"])
    return family(**values)
