"""The scores of all test pairs: one compact file from which every metric can be had again."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from stages.errors import UserError
from stages.files import replacing
from stages.pairs import all_pairs, unit
from stages.tasks import Tasks, class_indices


@dataclass(frozen=True)
class Scores:
    """Test captures, and how alike any two of them look.

    Attributes
    ----------
    identity, session : (N,) str
    gallery : (N,) bool
        Whether the capture is its person's gallery capture; else it is a probe.
    magnitude : (N,) float32
        Length of the embedding, which is MagFace's measure of quality.
    labels : dict of str to (N,) int
        Class index of each attribute, `UNKNOWN` where not given.
    classes : dict of str to (classes,) str
    cosine : (P,) float32
        Of every unordered pair, in the order of `stages.pairs.all_pairs`.
    """

    identity: np.ndarray
    session: np.ndarray
    gallery: np.ndarray
    magnitude: np.ndarray
    labels: dict[str, np.ndarray]
    classes: dict[str, np.ndarray]
    cosine: np.ndarray

    @cached_property
    def _pairs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return all_pairs(self.identity)

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

    @property
    def euclidean(self) -> np.ndarray:
        """(P,): the negated distance between the embeddings as they are, so higher is more alike.
        By the law of cosines."""
        a, b = self.magnitude[self.first], self.magnitude[self.second]
        return -np.sqrt(np.maximum(a**2 + b**2 - 2 * a * b * self.cosine, 0))

    def probes_to_gallery(self) -> np.ndarray:
        """(probes, gallery) cosines, both in the order of the captures."""
        count = len(self.identity)
        matrix = np.zeros((count, count), dtype=np.float32)
        matrix[self.first, self.second] = self.cosine
        matrix += matrix.T
        return matrix[np.ix_(~self.gallery, self.gallery)]


def score_captures(
    embeddings: np.ndarray, captures: pd.DataFrame, gallery: np.ndarray, attributes: Tasks
) -> Scores:
    """Compare (N, D) embeddings of the captures in a split's table, each with each."""
    identity = captures["identity"].to_numpy(dtype=str)
    first, second, _ = all_pairs(identity)
    faces = unit(embeddings)
    indices = class_indices(captures, attributes)
    return Scores(
        identity=identity,
        session=captures["session"].to_numpy(dtype=str),
        gallery=gallery,
        magnitude=np.linalg.norm(embeddings, axis=1).astype(np.float32),
        labels={name: indices[name].to_numpy() for name in attributes},
        classes={name: np.array(list(groups), dtype=str) for name, groups in attributes.items()},
        cosine=(faces @ faces.T)[first, second].astype(np.float32),
    )


def write_scores(path: Path, scores: Scores) -> None:
    """Write a compressed ``.npz`` of plain arrays; labels and classes as ``label.<attribute>`` and
    ``classes.<attribute>``."""
    arrays = {
        name: getattr(scores, name)
        for name in ("identity", "session", "gallery", "magnitude", "cosine")
    }
    for name, labels in scores.labels.items():
        arrays |= {f"label.{name}": labels.astype(np.int8), f"classes.{name}": scores.classes[name]}
    with replacing(path) as partial:
        np.savez_compressed(partial, **arrays)


def read_scores(path: Path) -> Scores:
    """Read what `write_scores` wrote.

    Raises
    ------
    UserError
        If the file is missing or no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        labels = {n.removeprefix("label."): v for n, v in arrays.items() if n.startswith("label.")}
        scores = Scores(
            **{n: arrays[n] for n in ("identity", "session", "gallery", "magnitude", "cosine")},
            labels={name: values.astype(int) for name, values in labels.items()},
            classes={name: arrays[f"classes.{name}"] for name in labels},
        )
    except FileNotFoundError:
        raise UserError(f"{path}: missing; run `dvc repro evaluate`") from None
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: no table of scores; run `dvc repro -f evaluate`") from error
    if len(scores.cosine) != len(scores.identity) * (len(scores.identity) - 1) // 2:
        raise UserError(f"{path}: not a score for each pair; run `dvc repro -f evaluate`")
    return scores
