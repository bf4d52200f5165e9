"""The scores of all test pairs: one compact file from which every metric can be recomputed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from psface.errors import UserError
from psface.files import check_regular, replacing
from psface.measures.pairs import all_pairs, pair_cosines, some_pairs
from psface.measures.verification import Verification
from psface.search import nearest
from psface.tasks import UNKNOWN, Tasks, class_indices
from psface.vectors import unit

NEAREST = 10  # gallery captures kept per probe
ARRAYS = ("identity", "session", "gallery", "magnitude", "cosine", "nearest")


@dataclass(frozen=True)
class Scores:
    """Test captures and their pairwise similarity.

    Attributes
    ----------
    identity, session : (N,) str
    gallery : (N,) bool
        Whether the capture is its person's gallery capture; else it is a probe.
    magnitude : (N,) float32
        Norm of the embedding, which is MagFace's measure of quality.
    labels : dict of str to (N,) int
        Class index of each attribute, `UNKNOWN` where missing.
    classes : dict of str to (classes,) str
    cosine : (P,) float32
        Of every unordered pair, in the order of `all_pairs`, or of those in ``some``.
    nearest : (probes, n) int32
        Gallery captures by decreasing cosine, at most `NEAREST`, as indices into the gallery.
    some : (2, P) int32 or None
        First and second captures, if there are too many pairs to keep all.
    """

    identity: np.ndarray
    session: np.ndarray
    gallery: np.ndarray
    magnitude: np.ndarray
    labels: dict[str, np.ndarray]
    classes: dict[str, np.ndarray]
    cosine: np.ndarray
    nearest: np.ndarray
    some: np.ndarray | None = None

    @cached_property
    def person(self) -> np.ndarray:
        """(N,) int: identities as numbers, in the order of their names."""
        return np.unique(self.identity, return_inverse=True)[1]

    @cached_property
    def _pairs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if self.some is None:
            return all_pairs(self.person)
        first, second = self.some
        return first, second, self.person[first] == self.person[second]

    @property
    def first(self) -> np.ndarray:
        """(P,) int: the pairs' first captures."""
        return self._pairs[0]

    @property
    def second(self) -> np.ndarray:
        """(P,) int: the pairs' second captures."""
        return self._pairs[1]

    @property
    def same(self) -> np.ndarray:
        """(P,) bool: genuine pairs."""
        return self._pairs[2]

    @cached_property
    def verification(self) -> Verification:
        """All pairs with their cosines."""
        people = self.person.astype(np.min_scalar_type(len(self.person)))  # less memory
        return Verification(self.cosine, self.same, people[self.first], people[self.second])

    @property
    def euclidean(self) -> Verification:
        """All pairs with the negated distance between their unnormalised embeddings, so that higher
        is more alike, by the law of cosines."""
        # In place: a² + b² - 2ab cosine.
        squares, b = self.magnitude[self.first], self.magnitude[self.second]
        product = 2 * squares
        product *= b
        product *= self.cosine
        squares *= squares
        squares += b * b
        squares -= product
        distance = np.sqrt(np.maximum(squares, 0, out=squares), out=squares)
        return Verification(np.negative(distance, out=distance), self.same)


def score_captures(
    embeddings: np.ndarray,
    captures: pd.DataFrame,
    gallery: np.ndarray,
    attributes: Tasks,
    impostors: int,
    seed: int,
) -> Scores:
    """Compare all (N, D) embeddings of the captures in a split's table; with more than
    ``impostors`` pairs of two people, a sample drawn by ``seed``."""
    identity = captures["identity"].to_numpy(dtype=str)
    first, second, _ = some_pairs(identity, impostors, seed)
    complete = len(first) == len(identity) * (len(identity) - 1) // 2
    faces = unit(embeddings)
    indices = class_indices(captures, attributes)
    return Scores(
        identity=identity,
        session=captures["session"].to_numpy(dtype=str),
        gallery=gallery,
        magnitude=np.linalg.norm(embeddings, axis=1).astype(np.float32),
        labels={name: indices[name].to_numpy() for name in attributes},
        classes={name: np.array(list(groups), dtype=str) for name, groups in attributes.items()},
        cosine=pair_cosines(faces, first, second).astype(np.float32),
        nearest=nearest(faces[~gallery], faces[gallery], NEAREST)[1].astype(np.int32),
        some=None if complete else np.stack([first, second]),
    )


def write_scores(path: Path, scores: Scores) -> None:
    """Write a compressed ``.npz`` of plain arrays; labels and classes as ``label.<attribute>`` and
    ``classes.<attribute>``."""
    arrays = {name: getattr(scores, name) for name in ARRAYS}
    if scores.some is not None:
        arrays["some"] = scores.some
    for name, labels in scores.labels.items():
        arrays |= {f"label.{name}": labels.astype(np.int8), f"classes.{name}": scores.classes[name]}
    with replacing(path) as partial:
        np.savez_compressed(partial, **arrays)


def read_scores(path: Path) -> Scores:
    """Read what `write_scores` wrote.

    Raises
    ------
    UserError
        If the file is missing or not such a file.
    """
    check_regular(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        labels = {n.removeprefix("label."): v for n, v in arrays.items() if n.startswith("label.")}
        scores = Scores(
            **{name: arrays[name] for name in ARRAYS},
            some=arrays.get("some"),
            labels={name: values.astype(int) for name, values in labels.items()},
            classes={name: arrays[f"classes.{name}"] for name in labels},
        )
        if fault := _fault(scores):
            raise UserError(f"{path}: {fault}; run `dvc repro -f evaluate`")
    except FileNotFoundError:
        raise UserError(f"{path}: missing; run `dvc repro evaluate`") from None
    except UserError:
        raise
    except Exception as error:  # the readers fail on damaged files in many ways
        raise UserError(f"{path}: not a table of scores; run `dvc repro -f evaluate`") from error
    return scores


def _fault(scores: Scores) -> str | None:
    """The first fault in scores that were read, or None."""
    count = len(scores.identity)
    probes = int((~scores.gallery).sum()) if scores.gallery.dtype == bool else -1
    forms = {
        "identity": (scores.identity, "U", (count,)),
        "session": (scores.session, "U", (count,)),
        "gallery": (scores.gallery, "b", (count,)),
        "magnitude": (scores.magnitude, "f", (count,)),
        "nearest": (scores.nearest, "i", (probes, *scores.nearest.shape[1:2])),
        "cosine": (scores.cosine, "f", (scores.cosine.size,)),
        **{name: (values, "i", (count,)) for name, values in scores.labels.items()},
    }
    for name, (array, kind, shape) in forms.items():
        if array.dtype.kind != kind or array.shape != shape:
            return f"{name} has the wrong type or shape"
    pairs = count * (count - 1) // 2
    if scores.some is not None:
        if scores.some.dtype.kind != "i" or scores.some.shape != (2, len(scores.cosine)):
            return "malformed pairs"
        pairs = len(scores.cosine)
        first, second = scores.some
        if pairs and not (first.min() >= 0 and (first < second).all() and second.max() < count):
            return "pairs of unknown captures"
    if len(scores.cosine) != pairs:
        return "the number of scores is not that of the pairs"
    if not (np.isfinite(scores.cosine).all() and np.isfinite(scores.magnitude).all()):
        return "some scores are not finite"
    gallery = int(scores.gallery.sum())
    if scores.nearest.size and not 0 <= scores.nearest.min() <= scores.nearest.max() < gallery:
        return "unknown gallery captures"
    for name, values in scores.labels.items():
        classes = scores.classes[name]
        if classes.ndim != 1 or classes.dtype.kind != "U":
            return f"the classes of {name} are not names"
        if values.size and not UNKNOWN <= values.min() <= values.max() < len(classes):
            return f"unknown classes in the labels of {name}"
    return None
