"""The people who are known to a model: a mean embedding each, in one file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from stages.errors import UserError
from stages.files import replacing
from stages.identify.search import nearest
from stages.pairs import unit

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
        Rising; how alike captures of people who are not in the gallery are to whom they are most
        alike.
    model : str
        Digest of the model.
    """

    names: list[str]
    captures: np.ndarray
    means: np.ndarray
    strangers: np.ndarray
    model: str

    def threshold(self, far: float) -> float:
        """The cosine over which a face is taken for someone enrolled, so that a stranger is with
        probability ``far`` at most.

        With n strangers' scores it is the k-th largest, k = floor((n + 1) far): a new stranger is
        as likely to have any rank among them (conformal prediction; Vovk et al., "Algorithmic
        Learning in a Random World", 2005, section 2.2).

        Raises
        ------
        UserError
            If there are too few strangers to tell.
        """
        count = len(self.strangers)
        rank = int((count + 1) * far + 1e-9)
        if rank < 1:
            raise UserError(
                f"a false accept rate of {far:g} needs {int(np.ceil(1 / far - 1e-9)) - 1} captures "
                f"of strangers or more, and the gallery was calibrated with {count}: enrol with "
                f"more --strangers, or set --far {1 / (count + 1) if count else 1:.2g} or more"
            )
        return float(self.strangers[count - rank])


def build_gallery(
    identities: np.ndarray, embeddings: np.ndarray, strangers: np.ndarray, model: str
) -> Gallery:
    """Enrol people.

    Parameters
    ----------
    identities : (N,) str
    embeddings : (N, D) float32
    strangers : (S, D) float32
        Of people who are none of these. Where there are none, each enrolled capture plays the
        stranger to all people but its own.
    """
    names, person = np.unique(identities, return_inverse=True)
    sums = np.zeros((len(names), embeddings.shape[1]), np.float32)
    np.add.at(sums, person, embeddings)
    means = unit(sums)
    if len(strangers):
        scores = nearest(unit(strangers), means, 1)[0][:, 0]
    else:
        some = np.unique(np.linspace(0, len(identities) - 1, SAMPLED).astype(int))
        cosines, rows = nearest(unit(embeddings[some]), means, 2)
        others = rows != person[some, None]
        seen = others.any(axis=1)
        scores = cosines[seen, others.argmax(axis=1)[seen]]
    return Gallery(
        names.tolist(), np.bincount(person, minlength=len(names)), means, np.sort(scores), model
    )


def write_gallery(path: Path, gallery: Gallery) -> None:
    """Write a ``.safetensors`` file, names and the model's digest in its header."""
    arrays = {n: getattr(gallery, n) for n in ("captures", "means", "strangers")}
    notes = {"names": json.dumps(gallery.names, ensure_ascii=False), "model": gallery.model}
    with replacing(path) as partial:
        save_file(arrays, partial, notes)


def read_gallery(path: Path, model: str) -> Gallery:
    """Read what `write_gallery` wrote.

    Raises
    ------
    UserError
        If the file is missing, no gallery, or one of another model than ``model``.
    """
    try:
        with safe_open(path, "np") as file:
            notes = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        names = json.loads(notes["names"])
        gallery = Gallery(names, **arrays, model=notes["model"])
    except FileNotFoundError:
        raise UserError(
            f"{path}: there is no such gallery; `python -m stages.identify enrol FOLDER`"
        ) from None
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: no gallery of `python -m stages.identify enrol`") from error
    if gallery.model != model:
        raise UserError(
            f"{path}: enrolled with another model, whose embeddings mean nothing to this one; give "
            "the --model that it was enrolled with, or enrol anew"
        )
    return gallery
