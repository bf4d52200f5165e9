"""The people who are known to a model: a mean embedding each, in one file."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from psface.errors import UserError
from psface.files import check_regular, replacing
from psface.search import nearest
from psface.vectors import person_means, unit

SAMPLED = 10_000  # captures, at most, of which the strangers' scores are taken


@dataclass(frozen=True)
class Gallery:
    """Enrolled people.

    Attributes
    ----------
    names : list of str
    captures : (P,) int64
        How many were enrolled of each.
    means : (P, D) float32
        Unit vectors: the direction of the mean of a person's embeddings. The embeddings are not
        normalised before, so that captures of high quality, whose embeddings are long, count more.
    strangers : (S,) float32
        How alike captures of people who are not in the gallery are to whom they are most alike.
    weights : (S,) float64
        Share of such captures that each stands for; all of them and ``spare`` make 1, or a little
        more (`build_gallery`).
    spare : float
        The share that nobody stands for.
    model : str
        Digest of the model.
    """

    names: list[str]
    captures: np.ndarray
    means: np.ndarray
    strangers: np.ndarray
    weights: np.ndarray
    spare: float
    model: str

    @property
    def least_rate(self) -> float:
        """The least false accept rate that can be promised; 1 where none can."""
        return min(self.spare, 1.0) if len(self.strangers) else 1.0

    def threshold(self, far: float) -> float:
        """The cosine over which a face is taken for someone enrolled, so that one capture of a
        stranger is with probability ``far`` at most; infinity if `least_rate` is more than that.

        Captures of one person are alike in how alike they are to others, so it is people who count:
        with K strangers, each has a weight of 1 / (K + 1), shared by their captures, and as much is
        spared for the one to come (Lee, Barber & Willett, "Distribution-free inference with
        hierarchical data", 2023, arXiv 2306.06342, hierarchical conformal prediction).
        """
        falling = np.argsort(-self.strangers, kind="stable")
        over = self.spare + np.concatenate([[0], np.cumsum(self.weights[falling])])
        allowed = int((over <= far + 1e-9).sum())  # so many are over it, less one
        if allowed < 1 or not len(falling):
            return math.inf
        return float(self.strangers[falling[min(allowed, len(falling)) - 1]])


def build_gallery(
    identities: np.ndarray,
    embeddings: np.ndarray,
    strangers: tuple[np.ndarray, np.ndarray] | None,
    model: str,
) -> Gallery:
    """Enrol people.

    Without strangers, the enrolled play strangers to all people but themselves. They are then
    compared with one person less than a stranger will be, and their weights raised by P / (P - 1):
    whoever is most alike among P people is so in all but one of the sets of P - 1. And two shares
    are spared instead of one: of two people who are most alike to each other, the one who comes
    would have raised the score of the other, who now lacks it.

    Parameters
    ----------
    identities : (N,) str
    embeddings : (N, D) float32
    strangers : (S,) str and (S, D) float32, optional
        People who are none of these, and their embeddings.
    """
    names, person = np.unique(identities, return_inverse=True)
    people = len(names)
    means, raised = person_means(embeddings, person, people), 1.0
    if strangers is not None:
        who, faces = strangers
        scores = nearest(unit(faces), means, 1)[0][:, 0]
    elif people > 1:
        some = np.unique(np.linspace(0, len(identities) - 1, SAMPLED).astype(int))
        who, raised = person[some], people / (people - 1)
        cosines, rows = nearest(unit(embeddings[some]), means, 2)
        scores = np.where(rows[:, 0] == who, cosines[:, 1], cosines[:, 0])
    else:
        who, scores = np.empty(0), np.empty(0, np.float32)
    _, which, counts = np.unique(who, return_inverse=True, return_counts=True)
    share = raised / (len(counts) + 1)
    return Gallery(
        names.tolist(),
        np.bincount(person, minlength=people),
        means,
        scores,
        share / counts[which],
        share if strangers is not None else 2 * share,
        model,
    )


def write_gallery(path: Path, gallery: Gallery) -> None:
    """Write a ``.safetensors`` file, with names, spare and the model's digest in its header."""
    arrays = {n: getattr(gallery, n) for n in ("captures", "means", "strangers", "weights")}
    notes = {
        "names": json.dumps(gallery.names, ensure_ascii=False),
        "spare": repr(gallery.spare),
        "model": gallery.model,
    }
    with replacing(path) as partial:
        save_file(arrays, partial, notes)


def _check(gallery: Gallery) -> None:
    g, people, strangers = gallery, len(gallery.names), len(gallery.strangers)
    right = (
        all(type(name) is str for name in g.names)
        and g.captures.shape == (people,)
        and g.means.ndim == 2
        and len(g.means) == people > 0
        and g.means.dtype == np.float32
        and g.strangers.shape == g.weights.shape == (strangers,)
        and all(np.isfinite(v).all() for v in (g.means, g.strangers, g.weights, g.spare))
    )
    if not right:
        raise ValueError("its parts do not fit each other")


def read_gallery(path: Path, model: str) -> Gallery:
    """Read what `write_gallery` wrote.

    Raises
    ------
    UserError
        If the file is missing, no gallery, or one of another model than ``model``.
    """
    check_regular(path)
    try:
        with safe_open(path, "np") as file:
            notes = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        names = json.loads(notes["names"])
        gallery = Gallery(names, **arrays, spare=float(notes["spare"]), model=notes["model"])
        _check(gallery)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such gallery; `psface enrol FOLDER`") from None
    except Exception as error:  # whatever a damaged file runs the reader into
        raise UserError(f"{path}: no gallery of `psface enrol`") from error
    if gallery.model != model:
        raise UserError(
            f"{path}: enrolled with another model, whose embeddings mean nothing to this one; give "
            "the --model that it was enrolled with, or enrol anew"
        )
    return gallery
