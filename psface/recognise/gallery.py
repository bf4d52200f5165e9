"""The people a model knows: one mean embedding each, in one file."""

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

SAMPLED = 10_000  # captures, at most, that strangers' scores are taken from


@dataclass(frozen=True)
class Gallery:
    """Enrolled people.

    Attributes
    ----------
    names : list of str
    captures : (P,) int64
        Number of captures enrolled per person.
    means : (P, D) float32
        Unit vectors: the direction of the mean of a person's embeddings. The embeddings are not
        normalised first, so that captures of high quality, whose embeddings are long, count more.
    strangers : (S,) float32
        Similarity of captures of people outside the gallery to their nearest person in it.
    weights : (S,) float64
        Share of such captures that each score represents; with ``spare`` they sum to 1 or a little
        more (`build_gallery`).
    spare : float
        The share that no score represents.
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
        """The lowest false accept rate that can be promised; 1 if none can."""
        return min(self.spare, 1.0) if len(self.strangers) else 1.0

    def threshold(self, far: float) -> float:
        """The cosine above which a face is accepted, so that one capture of a stranger is accepted
        with probability ``far`` at most; infinity if `least_rate` is higher.

        Captures of one person score alike against others, so people count, not captures: each of K
        strangers has a weight of 1 / (K + 1), shared by their captures, and the same is reserved
        for the next one (Lee, Barber & Willett, "Distribution-free inference with
        hierarchical data", 2023, arXiv 2306.06342, hierarchical conformal prediction).
        """
        falling = np.argsort(-self.strangers, kind="stable")
        over = self.spare + np.concatenate([[0], np.cumsum(self.weights[falling])])
        allowed = int((over <= far + 1e-9).sum())  # one more than may score over it
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

    Without strangers, the enrolled people serve as strangers to everyone but themselves. Each is
    then compared with one person fewer than a stranger will be, so weights are raised by
    P / (P - 1): the nearest of P people is also the nearest in all but one of the sets of P - 1.
    And two shares are reserved instead of one: a newcomer and an enrolled person may be nearest to
    each other, and the enrolled person's score would have been higher with the newcomer enrolled.

    Parameters
    ----------
    identities : (N,) str
    embeddings : (N, D) float32
    strangers : (S,) str and (S, D) float32, optional
        Other people, and their embeddings.
    """
    names, person = np.unique(identities, return_inverse=True)
    people = len(names)
    means, raised = person_means(embeddings, person, people), 1.0
    if strangers is not None:
        who, faces = strangers
        scores = nearest(unit(faces), means, 1)[0][:, 0]
    elif people > 1:
        sample = np.unique(np.linspace(0, len(identities) - 1, SAMPLED).astype(int))
        who, raised = person[sample], people / (people - 1)
        cosines, rows = nearest(unit(embeddings[sample]), means, 2)
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
    consistent = (
        all(type(name) is str for name in g.names)
        and g.captures.shape == (people,)
        and g.means.ndim == 2
        and len(g.means) == people > 0
        and g.means.dtype == np.float32
        and g.strangers.shape == g.weights.shape == (strangers,)
        and all(np.isfinite(v).all() for v in (g.means, g.strangers, g.weights, g.spare))
    )
    if not consistent:
        raise ValueError("its parts are inconsistent")


def read_gallery(path: Path, model: str) -> Gallery:
    """Read what `write_gallery` wrote.

    Raises
    ------
    UserError
        If the file is missing, is not a gallery, or belongs to a model other than ``model``.
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
        raise UserError(f"{path}: no such gallery; create it with `psface enrol FOLDER`") from None
    except Exception as error:  # a damaged file can raise anything
        raise UserError(f"{path}: not a gallery written by `psface enrol`") from error
    if gallery.model != model:
        raise UserError(
            f"{path}: enrolled with another model, whose embeddings cannot be compared; give the "
            "--model that it was enrolled with, or enrol again"
        )
    return gallery
