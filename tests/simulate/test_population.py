"""Who is drawn: frequencies of labels, and draws that do not disturb each other."""

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from psface.simulate.hair import STYLES
from psface.simulate.identity import draw_identity
from psface.simulate.labels import (
    EMOTIONS,
    FACIAL_HAIR_OF_MEN,
    draw_attributes,
    draw_habits,
    pick,
    pose_label,
)
from psface.simulate.recording import prepare_session
from psface.simulate.state import ATTRIBUTES, HABITS, stream

PEOPLE, SESSIONS = 1500, 7


@pytest.fixture(scope="module")
def labels():
    rows = []
    for person in range(PEOPLE):
        habits = draw_habits(stream(3, HABITS, person))
        for session in range(SESSIONS):
            rng = stream(3, ATTRIBUTES, person, session)
            rows.append((person, *draw_attributes(rng, habits, 10.0)))
    return rows


def shares(values) -> dict:
    counts = Counter(values)
    return {name: count / counts.total() for name, count in counts.items()}


def test_genders(labels):
    women = {person for person, attributes, _ in labels if attributes.gender == "female"}
    assert len(women) / PEOPLE == pytest.approx(0.163, abs=0.03)


def test_session_frequencies(labels):
    attributes = [entry[1] for entry in labels]
    assert shares(a.spectacles for a in attributes)["yes"] == pytest.approx(0.268, abs=0.04)
    emotion = shares(a.emotion for a in attributes)
    for name, expected in EMOTIONS.items():
        assert emotion[name] == pytest.approx(expected, abs=0.015)
    hair = shares(a.facial_hair for a in attributes if a.gender == "male")
    for name, expected in FACIAL_HAIR_OF_MEN.items():
        assert hair.get(name, 0) == pytest.approx(expected, abs=0.03)
    assert {a.facial_hair for a in attributes if a.gender == "female"} == {"none"}


def test_pose_follows_yaw(labels):
    pose = shares(a.pose for _, a, _ in labels)
    for label, expected in enumerate((0.841, 0.115, 0.032, 0.006, 0.005), start=1):
        assert pose[label] == pytest.approx(expected, abs=0.012)
    assert all(a.pose == pose_label(yaw) for _, a, yaw in labels)
    assert max(abs(yaw) for *_, yaw in labels) <= 40
    assert [pose_label(yaw) for yaw in (0, -13.9, 14, -21, 26, 29, -40)] == [1, 1, 2, 3, 4, 5, 5]


def test_people_keep_their_habits(labels):
    """Two sessions of one person agree as often as fresh draws at the given rates would."""
    worn = np.array([a.spectacles == "yes" for _, a, _ in labels]).reshape(PEOPLE, SESSIONS)
    agree = np.mean([(worn[:, 0] == worn[:, s]).mean() for s in range(1, SESSIONS)])
    by_chance = 0.268**2 + 0.732**2
    assert agree == pytest.approx(0.92**2 + (1 - 0.92**2) * by_chance, abs=0.02)


def test_the_real_labels_have_these_frequencies():
    path = Path(__file__).parents[3] / "shared/data/photoface/metadata.csv"
    if not path.exists():
        pytest.skip("the Photoface labels are not on this machine")
    with path.open() as file:
        rows = list(csv.DictReader(file))
    people = {row["id"]: row["Gender"] for row in rows}
    assert Counter(people.values())["female"] == 72
    emotion = shares(row["Emotion"] for row in rows)
    for name, expected in EMOTIONS.items():
        assert emotion[name] == pytest.approx(expected, abs=0.002)


def test_pick_covers_the_table():
    table = {"a": 0.25, "b": 0.5, "c": 0.25}
    assert [pick(table, u) for u in (0.0, 0.24, 0.25, 0.74, 0.75, 0.9999)] == list("aabbcc")


def test_variance_scales_faces_but_not_labels(params):
    flat = params.model_copy(update={"identity_variance": 0.0})
    for person in range(4):
        varied, state = prepare_session(params, 1, person, 0)
        mean, same = prepare_session(flat, 1, person, 0)
        assert state.attributes == same.attributes and varied.habits == mean.habits
        assert mean.face.nose.protrusion == (17.5 if mean.face.female else 20)
        assert not mean.face.shape_field.any()
    wide = draw_identity(np.random.default_rng(5), "male", 1.0).nose.protrusion - 20
    narrow = draw_identity(np.random.default_rng(5), "male", 0.25).nose.protrusion - 20
    assert narrow == pytest.approx(wide / 2)


def test_fine_detail_adds_to_a_face_what_is_finer(params):
    fine = params.model_copy(update={"fine_detail": 1.0})
    for person in range(3):
        (plain, _), (finer, _) = (prepare_session(p, 1, person, 0) for p in (params, fine))
        for before, after, rms in (
            (plain.face.shape_field, finer.face.shape_field, 0.22),
            (plain.face.albedo_field, finer.face.albedo_field, 0.05),
        ):
            added = after.copy()
            added[: len(before), : len(before)] -= before
            assert not added[:6, :6].any()  # what is coarse stays
            # The mean square of a cosine is a quarter in two dimensions.
            assert 0.3 * rms < np.sqrt((added**2).sum() / 4) < 3 * rms
        assert finer.face.nose == plain.face.nose and finer.habits == plain.habits


@pytest.mark.parametrize(
    "change",
    [{"noise": 0.0}, {"motion": 0.0}, {"identities": 9}, {"sessions": 5}, {"width": 90}],
    ids=lambda change: next(iter(change)),
)
def test_other_settings_leave_the_population_alone(params, change):
    person, state = prepare_session(params, 1, 3, 1)
    other_person, other = prepare_session(params.model_copy(update=change), 1, 3, 1)
    assert person.habits == other_person.habits and person.hair == other_person.hair
    assert np.array_equal(person.face.shape_field, other_person.face.shape_field)
    assert replace(state, shifts=None, noise=0) == replace(other, shifts=None, noise=0)


def test_noise_is_drawn_about_its_median(params):
    drawn = [prepare_session(params, 1, person, 0)[1].noise for person in range(200)]
    assert np.median(drawn) == pytest.approx(params.noise, rel=0.15)
    assert np.log(drawn).std() == pytest.approx(0.8, abs=0.1)


def test_yaw_spread_changes_only_yaw(params):
    still = params.model_copy(update={"yaw_sd": 0.0})
    for person in range(5):
        _, state = prepare_session(params, 1, person, 0)
        _, frontal = prepare_session(still, 1, person, 0)
        assert frontal.yaw == 0 and frontal.attributes.pose == 1
        assert state.expression == frontal.expression and state.hair == frontal.hair


def test_hair_is_kept_or_redrawn(params):
    kept = params.model_copy(update={"redraw_hair": False})
    hair = [prepare_session(kept, 1, 0, session)[1].hair for session in range(3)]
    assert hair[0] == hair[1] == hair[2]
    hair = [prepare_session(params, 1, 0, session)[1].hair for session in range(3)]
    assert len({style.seed for style in hair}) == 3
    assert all(style.style in STYLES["male"] for style in hair)
