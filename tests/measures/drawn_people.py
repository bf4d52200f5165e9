"""Pairs of made-up people, whose groups may be recognised less well."""

import numpy as np

from psface.measures.comparisons import Comparisons
from psface.measures.pairs import all_pairs
from psface.measures.verification import Verification


def comparisons_with(
    people: int, captures: int, rng: np.random.Generator, worse: float = 0.0, nearer: float = 0.0,
    noise: float = 0.8,
) -> Comparisons:  # fmt: skip
    """Cosines of noisy captures of random faces, half of the people in group ``b``.

    ``worse`` is added to the noise of group ``b``'s captures; ``nearer`` is how far its faces are
    drawn to one common face, as those of people whom a network has seen few of.
    """
    group = np.arange(people) % 2
    common = rng.normal(size=16)
    own = rng.normal(size=(people, 16))
    own[group == 1] += nearer * common
    person = np.repeat(np.arange(people), captures)
    spread = noise + worse * group[person]
    faces = own[person] + spread[:, None] * rng.normal(size=(len(person), 16))
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    first, second, same = all_pairs(person)
    score = (faces[first] * faces[second]).sum(axis=1)
    pairs = Verification(score, same, person[first], person[second])
    labels = {"kind": group[person]}
    return Comparisons(pairs, first, second, person, labels, {"kind": np.array(["a", "b"])})
