import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from psface.errors import UserError
from psface.simulate.labels import draw_attributes, draw_habits
from psface.stage_tables import read_table
from psface.tasks import UNKNOWN, class_indices, unknown_labels
from psface.training.splitting import FILES, assign_people, class_ratios
from stages.split import split

TASKS = {
    "gender": {"male": ["male"], "female": ["female"]},
    "glasses": {"without": ["no"], "with": ["yes", "sometimes"]},
}


@pytest.fixture
def params(settings):
    return settings.split.model_copy(
        update={"val": 0.12, "test": 0.28, "min_sessions": 2, "max_sessions": 20}
    )


@pytest.fixture
def run(tmp_path, params):
    """Split a table; returns the four tables, which are written to ``splits``."""

    def run(faces: pd.DataFrame, tasks=TASKS, seed: int = 1, **changes):
        faces.to_parquet(tmp_path / "faces.parquet", index=False)
        changed = params.model_copy(update=changes)
        out = tmp_path / "splits"
        ratios = tmp_path / "reports" / "split.csv"
        return split(changed, tasks, seed, tmp_path / "faces.parquet", out, ratios)

    return run


def excluded(tmp_path) -> pd.DataFrame:
    return read_table(tmp_path / "splits" / "excluded.csv", "split")


def people(count: int, sessions: int = 4) -> pd.DataFrame:
    """Every third person is a woman, every fourth wears glasses."""
    return pd.DataFrame(
        {
            "identity": f"{person:04d}",
            "session": f"s{session}",
            "gender": "female" if person % 3 == 0 else "male",
            "glasses": "yes" if person % 4 == 0 else "no",
            "quality": "ok",
        }
        for person in range(count)
        for session in range(sessions)
    )


@pytest.fixture(scope="module")
def crowd() -> pd.DataFrame:
    """200 people with the labels' real frequencies and 1 to 30 sessions each."""
    rng = np.random.default_rng(12)
    rows = []
    for person in range(200):
        habits = draw_habits(rng)
        for session in range(min(1 + rng.geometric(0.13), 30)):
            labels, _ = draw_attributes(rng, habits, 10.0)
            row = {"identity": f"p{person:03d}", "session": f"s{session:02d}"}
            row |= {name: str(value) for name, value in vars(labels).items()}
            rows.append(row)
    return pd.DataFrame(rows)


def sides(tables: dict[str, pd.DataFrame]) -> dict[str, set[str]]:
    names = {name: set(table["identity"]) for name, table in tables.items()}
    return {"train": names["train"], "val": names["val"], "test": names["gallery"] | names["probe"]}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_nobody_is_on_two_sides(run, crowd, settings, seed):
    tables = run(crowd, settings.attributes, seed)
    train, val, test = sides(tables).values()
    assert not (train & val or train & test or val & test)
    total = len(train | val | test)
    assert len(val) == round(0.12 * total) and len(test) == round(0.28 * total)
    rows = [row for table in tables.values() for row in table["row"]]
    assert len(rows) == len(set(rows))


def test_rows_point_into_the_packed_arrays(run, crowd, settings, tmp_path):
    tables = run(crowd, settings.attributes)
    for name in FILES:
        written = read_table(tmp_path / "splits" / f"{name}.csv", "split")
        assert written["row"].tolist() == [str(row) for row in tables[name]["row"]]
        source = crowd.iloc[written["row"].astype(int)]
        for column in ("identity", "session", *settings.attributes):
            assert written[column].tolist() == source[column].tolist()


def test_every_face_is_in_one_table_or_excluded_with_a_reason(run, crowd, settings, tmp_path):
    tables = run(crowd, settings.attributes, max_sessions=6)
    left_out = excluded(tmp_path)
    assert (left_out["reason"] != "").all()
    rows = [*(r for t in tables.values() for r in t["row"]), *left_out["row"].astype(int)]
    assert sorted(rows) == list(range(len(crowd)))


def test_the_gallery_has_one_session_of_everyone_in_test(run, crowd, settings):
    tables = run(crowd, settings.attributes)
    assert Counter(tables["gallery"]["identity"]).most_common(1)[0][1] == 1
    assert set(tables["gallery"]["identity"]) == set(tables["probe"]["identity"])


def test_the_same_seed_gives_the_same_files(run, crowd, settings, tmp_path):
    def files(seed: int) -> dict[str, bytes]:
        run(crowd, settings.attributes, seed)
        return {p.name: p.read_bytes() for p in (tmp_path / "splits").iterdir()}

    first = files(1)
    assert files(1) == first
    assert set(first) == {f"{name}.csv" for name in (*FILES, "excluded")}
    assert all(files(2)[f"{name}.csv"] != first[f"{name}.csv"] for name in FILES)


def test_ratios_agree_across_the_parts(run, crowd, settings, tmp_path):
    run(crowd, settings.attributes)
    ratios = pd.read_csv(tmp_path / "reports" / "split.csv", keep_default_na=False)
    tasks = settings.attributes
    assert list(zip(ratios["task"], ratios["class"], strict=True)) == [
        (task, label) for task, classes in tasks.items() for label in classes
    ]
    parts = ratios[["train", "val", "test"]].astype(float)
    assert (parts.max(axis=1) - parts.min(axis=1)).max() < 0.03
    for column in ("before", "train", "val", "test"):
        shares = ratios.groupby("task")[column].sum()
        assert shares.to_numpy() == pytest.approx(np.ones(len(tasks)), abs=1e-3)
    assert (tmp_path / "reports" / "split.png").stat().st_size > 1000


def test_assigning_by_chance_alone_would_not_do(crowd, settings):
    """What the swaps achieve: the ratios' spread is far under that of random parts."""
    tasks = settings.attributes

    def spread(part: dict[str, str]) -> float:
        side = crowd["identity"].map(part)
        ratios = class_ratios({name: crowd[side == name] for name in set(side)}, tasks)
        values = ratios.iloc[:, 2:].to_numpy(float)
        return float((values.max(axis=1) - values.min(axis=1)).max())

    rng = np.random.default_rng(0)
    chosen = assign_people(crowd, tasks, (0.12, 0.28), rng)
    labels = list(chosen.values())
    by_chance = [spread(dict(zip(chosen, rng.permutation(labels), strict=True))) for _ in range(10)]
    assert spread(chosen) < 0.3 * np.median(by_chance)
    sessions = crowd["identity"].map(chosen).value_counts(normalize=True)
    assert sessions["test"] == pytest.approx(0.28, abs=0.02)


def test_too_many_sessions_are_under_sampled(run, tmp_path):
    faces = pd.concat([people(30, 4), people(3, 12).assign(session=lambda t: "x" + t["session"])])
    tables = run(faces, max_sessions=5)
    counts = Counter(identity for table in tables.values() for identity in table["identity"])
    assert all(counts[f"{i:04d}"] == 5 for i in range(3))
    assert all(counts[f"{i:04d}"] == 4 for i in range(3, 30))
    reasons = excluded(tmp_path)["reason"]
    assert len(reasons) == 3 * (16 - 5)
    assert set(reasons) == {"under-sampled to split.max_sessions=5"}


def test_people_with_too_few_sessions_are_left_out(run, tmp_path):
    faces = people(30, 4)
    faces = faces.drop(index=faces.index[(faces["identity"] < "0003") & (faces["session"] > "s0")])
    tables = run(faces, min_sessions=2)
    assert not {"0000", "0001", "0002"} & set().union(*sides(tables).values())
    table = excluded(tmp_path)
    assert table["identity"].tolist() == ["0000", "0001", "0002"]
    assert table["reason"].str.contains("split.min_sessions=2", regex=False).all()


def test_a_label_outside_the_classes_is_excluded_with_its_reason(run, tmp_path):
    faces = people(30)
    faces.loc[5, "gender"] = "M"
    faces.loc[9, "glasses"] = "sunglasses"
    tables = run(faces)
    assert not any(set(table["row"]) & {5, 9} for table in tables.values())
    reasons = dict(zip(excluded(tmp_path)["row"], excluded(tmp_path)["reason"], strict=True))
    assert reasons == {
        "5": "gender `M` is in no class of attributes.gender (params.yaml): add it to one",
        "9": "glasses `sunglasses` is in no class of attributes.glasses (params.yaml): "
        "add it to one",
    }


def test_an_unknown_label_is_no_reason_to_leave_a_face_out(run, tmp_path):
    faces = people(30)
    faces.loc[:20, "gender"] = ""
    faces.loc[30:40, "glasses"] = None
    tables = run(faces)
    assert sum(len(table) for table in tables.values()) == len(faces)
    assert excluded(tmp_path).empty


def test_captures_without_labels_can_be_split(run, settings, tmp_path):
    """Extended Yale B has none."""
    faces = people(29, 6)[["identity", "session"]]
    tables = run(faces, settings.attributes)
    assert [len(side) for side in sides(tables).values()] == [18, 3, 8]
    assert list(tables["train"].columns) == ["row", "identity", "session"]
    assert (tmp_path / "reports" / "split.png").exists()


def test_an_attribute_may_be_called_row(run):
    """A manifest's columns are its owner's to name."""
    tables = run(people(30).assign(row="of seats"))
    assert sorted(row for table in tables.values() for row in table["row"]) == list(range(120))


@pytest.mark.parametrize("count", [1, 5, 8])
def test_too_few_people(run, count):
    said = rf"(train|val) needs 2 people but .* of the {count} with.*split\.val"
    with pytest.raises(UserError, match=said) as e:
        run(people(count))
    assert "\n" not in str(e.value)


def test_nobody_left(run):
    faces = people(30).assign(gender="unheard of")
    with pytest.raises(UserError, match="no usable face; the first: gender `unheard"):
        run(faces)
    with pytest.raises(UserError, match=r"no usable face; .*split\.min_sessions=2"):
        run(people(30, sessions=1))


def test_a_missing_table(run, tmp_path, params):
    ratios = tmp_path / "split.csv"
    with pytest.raises(UserError, match=re.escape("faces.parquet: missing; run `dvc repro crop`")):
        split(params, TASKS, 1, tmp_path / "faces.parquet", tmp_path / "splits", ratios)


def test_class_indices():
    table = pd.DataFrame({"gender": ["male", "female", "", None], "other": range(4)})
    indices = class_indices(table, TASKS)
    assert indices["gender"].tolist() == [0, 1, UNKNOWN, UNKNOWN]
    assert indices["glasses"].tolist() == [UNKNOWN] * 4
    table["glasses"] = ["yes", "sometimes", "no", ""]
    assert class_indices(table, TASKS)["glasses"].tolist() == [1, 1, 0, UNKNOWN]


def test_unknown_labels_name_the_first_task():
    table = pd.DataFrame({"gender": ["male", "x", ""], "glasses": ["no", "y", "z"]})
    reasons = unknown_labels(table, TASKS).tolist()
    assert reasons[0] == "" and reasons[1].startswith("gender `x`")
    assert reasons[2].startswith("glasses `z`")


def test_class_ratios_count_what_is_known():
    table = pd.DataFrame({"gender": ["male", "male", "male", "female", "", ""]})
    ratios = class_ratios({"part": table}, TASKS)
    assert ratios["part"].tolist()[:2] == [0.75, 0.25]
    assert ratios["part"].isna().tolist()[2:] == [True, True]
