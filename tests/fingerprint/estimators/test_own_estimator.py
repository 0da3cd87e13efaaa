"""An estimator from outside goes through every door, and no room knows a concrete one."""

import ast
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from commands import EPOCH, environment, fp, json_rows
from scipy.ndimage import gaussian_filter
from synthetic import Generator, write_generated, write_photographs

from fp.denoisers import registry as denoisers
from fp.fingerprint.estimators import registry as estimators
from fp.fingerprint.estimators.folds import Labelled
from fp.fingerprint.estimators.protocol import Estimator, Fitted
from fp.fingerprint.estimators.recipes import JOINED
from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.learning.method import Recipe, recipe
from fp.fingerprint.store.bank import read_bank, write_bank
from fp.fingerprint.windows.fields import Weights, fields_of_residual
from fp.fingerprint.windows.searching import read
from fp.system import plugins
from fp.system.errors import DenoiserError, UsageError

PROJECT = Path(__file__).parents[3]


class Folded(Estimator):
    """Difference of the classes' mean high-pass residuals, folded to 8 x 8 pixels."""

    name: ClassVar[str] = "own"
    moves: ClassVar[bool] = True

    def features(self, residual_chw):
        """Return the folded high-pass, shape (3, 8, 8)."""
        high = residual_chw - gaussian_filter(residual_chw, (0, 2, 2))
        rows, columns = (side // 8 for side in high.shape[1:])
        return high.reshape(3, rows, 8, columns, 8).mean(axis=(1, 3))

    def fit(self, features, labels, groups, course=None):
        """Subtract means."""
        found = features[labels].mean(axis=0) - features[~labels].mean(axis=0)
        return Fitted((found / np.linalg.norm(found)).astype(np.float32))

    def score(self, features, pattern, offset=0.0):
        """Return inner products."""
        return np.array([float((row * pattern).sum()) for row in features]) - offset


def install(folder, name, points):
    """Make entry points known, as an installed package does."""
    told = folder / f"{name}-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
    (told / "entry_points.txt").write_text(points, "utf-8")
    sys.path.insert(0, str(folder))  # processes that examine images have it from here
    plugins.plugins.cache_clear()


def remove(folder):
    sys.path.remove(str(folder))
    plugins.plugins.cache_clear()


@pytest.fixture(scope="module", autouse=True)
def registered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    install(folder, "own", "[fp.estimators]\nown = test_own_estimator:Folded\n")
    yield
    remove(folder)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    root = tmp_path_factory.mktemp("own")
    write_photographs(root / "real", 40)
    write_generated(root / "made", 40, Generator(strength=0.03))
    write_photographs(root / "unknown" / "photographs", 6, first=1000)
    write_generated(root / "unknown" / "made", 6, Generator(strength=0.03), first=1000)
    return root


def extracted(lab, output, *options):
    with environment(FP_CACHE=lab / "cache", SOURCE_DATE_EPOCH=EPOCH):
        folders = ("--generated", lab / "made", "--real", lab / "real", "--name", "G")
        outcome = fp("extract", *folders, *options, "--folds", 4, "--jobs", 1, "-o", output)
        # Few images calibrate a method that holds a part of them back: it can claim nothing. Others
        # find nothing in pictures of a lattice.
        told = "CLAIMS NOTHING" in outcome.out or "WEAK" in outcome.out
        assert outcome.code == (3 if told else 0), outcome.err
        assert fp("bank", "verify", output).code == 0
        (found,) = read_bank(output)
        return found, outcome


def decisions(lab, bank, output, *options):
    with environment(FP_CACHE=lab / "cache"):
        outcome = fp(
            "detect", bank, lab / "unknown", "-o", output, "--fpr", 0.1, "--jobs", 1, *options
        )
    assert outcome.code == 0, outcome.err
    rows = json_rows(output)
    assert all(row["status"] == "examined" for row in rows) and len(rows) == 12
    return {
        kind: [row["decision"] for row in rows if f"/{kind}/" in row["path"]]
        for kind in ("made", "photographs")
    }


def tells_apart(found):
    """Most pictures are claimed and no photograph is."""
    return (
        found["made"].count("supports_generator") >= 5
        and "supports_generator" not in found["photographs"]
    )


@pytest.mark.slow
def test_it_works_alone_through_every_door(lab, tmp_path):
    bank = tmp_path / "own.h5"
    found, outcome = extracted(lab, bank, "--method", "own", "--windows", "--null", 9)
    assert "G: own fingerprint" in outcome.out
    assert found.null.shuffled.size == 9 and found.null.observed > found.null.shuffled.max()
    assert found.joined is None and found.windows.parts == (0,)
    assert found.conditions is None and found.distribution is not None
    assert tells_apart(decisions(lab, bank, tmp_path / "small"))
    # Windows decide of large images, and maps are drawn.
    large = lab / "large"
    write_generated(large / "made", 3, Generator(strength=0.03), first=2000, side=192)
    write_photographs(large / "photographs", 3, first=2000, side=192)
    assert fp("detect", bank, large, "-o", tmp_path / "large", "--map").code == 0
    rows = json_rows(tmp_path / "large")
    assert all(row["windows"] == 36 for row in rows)
    made = [row["log10_lr"] for row in rows if "/made/" in row["path"]]
    assert min(made) > max(row["log10_lr"] for row in rows if "/photographs/" in row["path"])


@pytest.mark.slow
def test_it_works_joined(lab, tmp_path):
    parts = [*JOINED["auto"][0], ("own", {})]
    options = ExtractOptions(
        method_parameters={"parts": parts},
        folds=4,
        null=9,
        windows=True,
    )
    found = extract(lab / "made", lab / "real", "G", options).fingerprint
    assert found.joined.parts[-1].method == "own" and found.joined.parts[-1].real.size == 40
    assert len(found.windows.parts) == len(parts)
    assert found.null.observed > found.null.shuffled.max()
    plain = extract(lab / "made", lab / "real", "G", replace(options, windows=False)).fingerprint
    assert [part.method for part in plain.conditions.parts][-1] == "own"
    assert plain.conditions.parts[-1].generated.mean() > plain.conditions.parts[-1].real.mean()
    write_bank(tmp_path / "joined.h5", [found])
    write_bank(tmp_path / "plain.h5", [plain])
    assert fp("bank", "verify", tmp_path / "joined.h5").code == 0
    (again,) = read_bank(tmp_path / "joined.h5")
    assert again.uuid == found.uuid
    assert tells_apart(decisions(lab, tmp_path / "joined.h5", tmp_path / "d"))
    assert (
        "supports_generator"
        not in decisions(lab, tmp_path / "plain.h5", tmp_path / "p")["photographs"]
    )


def test_what_is_stored_scores_as_what_was_learned():
    rng = np.random.default_rng(0)
    residuals = rng.normal(size=(40, 3, 64, 64)).astype(np.float32)
    labels = np.arange(40) < 20
    method = Recipe("own", (Folded(),))
    stacks = {"own": np.stack([Folded().features(each) for each in residuals])}
    learned = method.learn(stacks, Labelled(labels, np.arange(40), 4))
    assert recipe("own").parts[0].parameters() == {}
    pattern = learned.held.fitted.pattern
    np.testing.assert_array_equal(learned.score(stacks), Folded().score(stacks["own"], pattern))


def test_by_default_a_window_scores_as_the_mean_of_its_blocks():
    rng = np.random.default_rng(1)
    residual = rng.normal(size=(3, 96, 64)).astype(np.float32)
    pattern = rng.normal(size=(3, 8, 8)).astype(np.float32)
    own = Folded()
    weights = Weights(((own, Fitted(pattern, 0.25)),))
    fields = fields_of_residual(residual, weights, searched=True)
    found = read(fields, 32, 16)
    for (y, x), (dy, dx) in (((0, 0), (0, 0)), ((3, 1), (5, 2))):
        blocks = [
            own.features(residual[:, 16 * (y + a) :, 16 * (x + b) :][:, :16, :16])[None]
            for a in (0, 1)
            for b in (0, 1)
        ]
        moved = [own.score(own.roll(block, dy, dx), pattern, 0.25)[0] for block in blocks]
        assert found.moved[0][dy, dx, y, x] == pytest.approx(np.mean(moved), rel=1e-5)
        if (dy, dx) == (0, 0):
            assert found.own[0, y, x] == pytest.approx(np.mean(moved), rel=1e-12)


@pytest.mark.parametrize(("period", "smallest"), [(32, 1), (8, 40)])
def test_blocks_are_as_large_as_an_estimator_asks(period, smallest):
    """Of a longer period every block is read at the phase where it lies."""

    class Long(Folded):
        @property
        def smallest(self):
            return smallest

        def features(self, residual_chw):
            rows, columns = (side // period for side in residual_chw.shape[1:])
            shape = (3, rows, period, columns, period)
            whole = residual_chw[:, : rows * period, : columns * period]
            return whole.reshape(shape).mean(axis=(1, 3))

    rng = np.random.default_rng(2)
    pattern = rng.normal(size=(3, period, period)).astype(np.float32)
    lattice = np.tile(pattern, (1, 128 // period, 128 // period))
    weights = Weights(((Long(), Fitted(pattern)),))
    fields = fields_of_residual(lattice, weights)
    scores = fields.scores(64)[0]
    expected = float(np.square(pattern).sum())
    inside = scores[:4, :4]
    assert inside == pytest.approx(np.full(inside.shape, expected), rel=1e-5)
    assert fields.scores(32)[0].any() == (period == 32)


def test_defaults_share_nothing_and_score_at_every_phase():
    rng = np.random.default_rng(3)
    features, labels = rng.normal(size=(24, 3, 8, 8)), np.arange(24) < 12
    folds, own = np.arange(24) % 3, Folded()
    found = own.cross(features, labels, np.arange(24), folds)
    for fold in range(3):
        inside = folds != fold
        alone = own.fit(features[inside], labels[inside], np.arange(24)[inside])
        assert (found.folds[fold].score(features) == own.score(features, alone.pattern)).all()
        planes = found.folds[fold].score_at_phases(features)
        moved = own.score(np.roll(features, (-5, -2), (2, 3)), alone.pattern)
        np.testing.assert_array_equal(planes[:, 5, 2], moved)
        assert np.isnan(found.nested[fold, folds == fold]).all()
    without = (folds != 0) & (folds != 1)
    alone = own.fit(features[without], labels[without], np.arange(24)[without])
    asked = folds == 1
    np.testing.assert_array_equal(found.nested[0, asked], own.score(features[asked], alone.pattern))


# The methods that once were refused


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("mean", ()),
        ("tile", ()),
        ("dif", ("--steps", 2, "--reference")),
        ("fourier", ()),
        ("frame", ()),
    ],
)
def test_every_estimator_goes_through_the_same_doors(lab, tmp_path, method, more):
    windows = () if method in ("fourier", "frame") else ("--windows",)
    options = ("--method", method, *more, *windows)
    found, _ = extracted(lab, tmp_path / "g.h5", *options)
    assert (found.windows is None) == (not windows)
    calibrating = found.calibration.real.size
    assert calibrating == (10 if method == "dif" else 40)
    found = decisions(lab, tmp_path / "g.h5", tmp_path / "d")
    assert "supports_generator" not in found["photographs"]
    assert "supports_generator" in found["made"] or method != "tile"


@pytest.mark.parametrize("method", ["fourier", "frame", "spectrum"])
def test_what_no_window_can_be_read_of_says_so_in_one_sentence(lab, method):
    options = ExtractOptions(method=method, windows=True)
    with pytest.raises(UsageError, match=f"by method '{method}': nothing of it .* use auto"):
        extract(lab / "made", lab / "real", "G", options)


def test_a_pattern_of_pixels_is_repeated_with_its_own_size():
    rng = np.random.default_rng(4)
    pattern = rng.normal(size=(3, 64, 96)).astype(np.float32)
    repeated = np.tile(pattern - pattern.mean(), (1, 3, 2))
    mean = estimators.get("mean")
    fields = fields_of_residual(repeated, Weights(((mean, Fitted(pattern)),)), searched=True)
    assert fields.scores(64) == pytest.approx(np.ones((1, 9, 9)), abs=0.02)
    # In pieces whose sides are no multiples of the pattern's.
    wide = np.tile(pattern[:, :, :96], (1, 1, 24))[:, :, : 2048 + 192]
    whole = fields_of_residual(np.ascontiguousarray(wide), Weights(((mean, Fitted(pattern)),)))
    assert whole.scores(64)[0, 0, 126:] == pytest.approx(np.ones(11), abs=0.02)


def test_a_pattern_of_pixels_is_scored_where_it_was_moved_to():
    rng = np.random.default_rng(5)
    mean = estimators.get("mean")
    pattern = rng.normal(size=(3, 32, 64)).astype(np.float32)
    residuals = np.stack([np.roll(pattern, (7, 50), (1, 2)), rng.normal(size=pattern.shape)])
    planes = mean.score_at_phases(residuals.astype(np.float32), pattern)
    assert planes.shape == (2, 32, 64)
    assert np.unravel_index(planes[0].argmax(), (32, 64)) == (7, 50)
    rolled = mean.roll(residuals.astype(np.float32), 3, 9)
    np.testing.assert_allclose(planes[:, 3, 9], mean.score(rolled, pattern), atol=1e-6)


# Other packages

MODULE = '''
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from fp.denoisers.residual import DenoiserIdentity
from fp.fingerprint.estimators.protocol import Estimator, Fitted

@dataclass(frozen=True)
class Constant(Estimator):
    """Says the same of everything.

    More is not shown.
    """

    value: float = 0.5
    name: ClassVar[str] = "constant"

    def features(self, residual_chw):
        return residual_chw[:, :1, :1]

    def fit(self, features, labels, groups, course=None):
        return Fitted(np.ones((3, 1, 1), np.float32))

    def score(self, features, pattern, offset=0.0):
        return np.full(len(features), self.value)

@dataclass(frozen=True)
class Nothing:
    """Leaves nothing of an image"""

    name: ClassVar[str] = "nothing"
    identity = DenoiserIdentity("nothing", 1, {})

    def noise(self, image_chw):
        return 0 * image_chw
'''


@pytest.fixture
def other_package(tmp_path):
    """Install a package that brings an estimator and a denoiser along."""
    (tmp_path / "others.py").write_text(MODULE, "utf-8")
    install(
        tmp_path,
        "others",
        "[fp.estimators]\nconstant = others:Constant\nbroken = others:Missing\n"
        "[fp.denoisers]\nnothing = others:Nothing\n",
    )
    yield
    sys.modules.pop("others", None)
    remove(tmp_path)


def test_other_packages_bring_estimators_and_denoisers(other_package):
    assert "constant" in estimators.names() and "others" not in sys.modules
    assert recipe("constant", {"value": 0.25}).parts[0].parameters() == {"value": 0.25}
    made = estimators.get("constant")
    assert made.reads == 'constant {"value": 0.5}' != estimators.get("constant", value=1.0).reads
    with pytest.raises(UsageError, match="does not take these parameters"):
        estimators.get("constant", colour="red")
    with pytest.raises(UsageError, match="named 'constant' exists already"):
        estimators.register("constant", Folded, "")
    assert denoisers.available()["nothing"] == "Leaves nothing of an image"
    assert denoisers.get("nothing").identity.name == "nothing"
    with pytest.raises(DenoiserError, match="named 'nothing' exists already"):
        denoisers.register("nothing", Folded, "")
    help_text = fp("extract", "--help").out
    assert "|constant|" in help_text.replace("\n", "").replace(" ", "")


def test_a_name_of_a_method_is_taken():
    for name in ("auto", "tile", "blocks"):
        with pytest.raises(UsageError, match="exists already"):
            estimators.register(name, Folded, "")


def test_the_names_of_methods_cost_no_numerics():
    code = (
        "import sys; from click.testing import CliRunner; from fp.cli.extract import command; "
        "out = CliRunner().invoke(command, ['--help']).output; assert '|lattice|' in out, out; "
        "heavy = {'numpy', 'scipy', 'torch', 'numba', 'h5py'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False
    )
    assert found.returncode == 0, found.stderr


# One module an estimator

ROOMS = ("api", "audit", "case", "cli", "demo", "denoisers", "evaluation", "fingerprint", "images")
ROOMS += ("known", "lineage", "manifest", "reports", "runs", "system")


def concrete(kind=Estimator):
    for sub in kind.__subclasses__():
        if sub.__module__.startswith("fp."):
            yield sub
            yield from concrete(sub)


def knowledge(source, classes, names):
    """Yield the lines of a module that know a concrete estimator."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            if {alias.name for alias in node.names} & classes and "estimators" in str(node.module):
                yield node.lineno
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id == "isinstance":
                used = {n.id for n in ast.walk(node.args[1]) if isinstance(n, ast.Name)}
                used |= {n.attr for n in ast.walk(node.args[1]) if isinstance(n, ast.Attribute)}
                if used & (classes | {"SeesPixels"}):
                    yield node.lineno
        elif isinstance(node, ast.Compare | ast.List | ast.Tuple | ast.Set | ast.Dict):
            texts = {n.value for n in ast.iter_child_nodes(node) if isinstance(n, ast.Constant)}
            least = 1 if isinstance(node, ast.Compare) else 2
            if len({t for t in texts if isinstance(t, str)} & names) >= least:
                yield node.lineno


def test_no_room_but_their_own_knows_an_estimator():
    for name in (*estimators.names(), *estimators._OF_PIXELS):
        estimators.get(name)  # so that all are loaded
    classes = {kind.__name__ for kind in concrete()}
    assert {"Tile", "Cyclic", "Spectrum", "Dif", "Mean", "Fourier", "HighPass"} <= classes
    names = {kind.name for kind in concrete() if "name" in vars(kind)} - {"blocks"}
    found = []
    for room in ROOMS:
        for path in sorted((PROJECT / room).rglob("*.py")):
            if "estimators" not in path.parts:
                lines = knowledge(path.read_text("utf-8"), classes, names)
                found += [f"{path.relative_to(PROJECT)}:{line}" for line in lines]
    assert not found


@pytest.mark.parametrize(
    "source",
    [
        "from fp.fingerprint.estimators.tile import Tile",
        "if isinstance(part, Tile | Cyclic): pass",
        "found = isinstance(part, protocol.Tile)",
        'READ = ("tile", "cyclic")',
        'SIZES = {"spectrum": 64, "tile": 32}',
        'fits = part.name != "spectrum"',
    ],
)
def test_knowledge_of_an_estimator_would_be_found(source):
    assert list(knowledge(source, {"Tile", "Cyclic"}, {"tile", "cyclic", "spectrum"})) == [1]
    assert not list(knowledge(source, {"Other"}, {"other"}))
