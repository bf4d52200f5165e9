"""``psface transfer``: from captures or crops to a report, and what it refuses."""

import json
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from psface.commands.transfer import captures_to_crops, fine_tuning
from psface.commands.transfer.transfer_params import Sections
from psface.config import load, parse_yaml
from psface.errors import UserError
from psface.faces.arrays import Faces
from psface.measures.pairs import cosine_auc
from psface.model.card import read_card
from psface.model.scale import LIMIT, Scale
from psface.recognise.recogniser import Recogniser
from stages.params import PARAMS
from tests.commands.running import psface, refused
from tests.packed_faces import SIDE, write_faces
from tests.untrained_models import save_untrained, untrained_card

FLOORS = {"normalmap 42 px", "normalmap 10 px", "details 42 px"}


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transfer") / "faces"
    write_faces(folder, people=8, sessions=3, seed=1)
    return folder


@pytest.fixture(scope="module")
def model(settings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_untrained(folder, untrained_card(settings, "normalmap", size=SIDE))
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch, one_process):
    """A folder with a params.yaml whose fine-tuning and intervals are quick."""
    raw = parse_yaml(PARAMS.read_text(encoding="utf-8"))
    raw["transfer"] |= {"epochs": 1, "draws": 2}
    raw["evaluate"]["resamples"] = 100
    with (tmp_path / "params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(raw, file)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(out) -> pd.DataFrame:
    return pd.read_csv(out / "transfer.csv").set_index(["people", "method"])


def test_crops_zero_shot(faces, model, here, capsys):
    assert psface("transfer", faces, "--model", model) == 0
    said = capsys.readouterr().out
    assert "nothing trained; tested on 24 captures" in said and "no pca" in said
    out = here / "reports" / "transfer"
    table = rows(out)
    assert set(table.index) == {(0, name) for name in {"model", *FLOORS}}
    identity = pd.read_parquet(faces / "faces.parquet")["identity"].to_numpy(str)
    recogniser = Recogniser(model)
    crops = Faces(faces, recogniser.card.maps).read(np.arange(24))
    auc = cosine_auc(recogniser.embed_stored(crops).identity, identity)
    assert table.loc[(0, "model"), "auc"] == pytest.approx(auc, abs=1e-4)
    assert (table["auc_low"] <= table["auc"]).all() and (table["auc"] <= table["auc_high"]).all()
    differences = pd.read_csv(out / "differences.csv").set_index("figure")
    best = table.loc[[(0, name) for name in FLOORS], "rank1"].max()
    gap = table.loc[(0, "model"), "rank1"] - best
    assert differences.loc["rank1", "better_by"] == pytest.approx(gap, abs=2e-4)
    report = json.loads((out / "transfer.json").read_text())
    assert len(report["transfer"]) == 1 + len(FLOORS) and report["model"] == str(model)
    assert report["transfer"][0]["tar_at_far_1e-3"] is None  # too few pairs of two people
    assert cv2.imread(str(out / "transfer.png")).std() > 5
    assert not (out / "draws.csv").exists()


def test_pca_is_fitted_to_other_crops(faces, model, here, capsys):
    write_faces(here / "simulated", people=10, sessions=2, seed=2)
    listed = here / "simulated" / "faces.parquet"
    table = pd.read_parquet(listed)
    table.assign(identity="sim" + table["identity"]).to_parquet(listed)
    words = ("transfer", faces, "--model", model, "--trained-on", "simulated")
    assert psface(*words) == 0
    assert "no pca" not in capsys.readouterr().out
    assert rows(here / "reports" / "transfer").loc[(0, "pca"), "auc"] > 0.5
    refused(capsys, "p00/s0 is also in", *words[:-1], faces)


def test_fine_tuning_goes_on_where_it_was(faces, model, here, capsys, monkeypatch):
    words = ("transfer", faces, "--model", model, "--people", "5", "--out", "out")
    trained, train = [], fine_tuning.train

    def stopped_at_the_second(*given):
        trained.append(given)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return train(*given)

    monkeypatch.setattr(fine_tuning, "train", stopped_at_the_second)
    assert psface(*words) == 130
    assert set(rows(here / "out").index.get_level_values("people")) == {0}  # already there
    assert psface(*words) == 0
    assert len(trained) == 3  # the first draw was done
    found = (here / "out" / "transfer.csv").read_bytes()
    assert psface(*words) == 0
    assert len(trained) == 3
    assert (here / "out" / "transfer.csv").read_bytes() == found
    assert not list((here / "out" / "draws").rglob("*.safetensors"))

    table = rows(here / "out")
    assert {m for n, m in table.index if n == 5} == {"fine-tuned", "model", *FLOORS}
    draws = pd.read_csv(here / "out" / "draws.csv")
    tuned = draws[draws["method"] == "fine-tuned"]
    assert tuned["auc"].mean() == pytest.approx(table.loc[(5, "fine-tuned"), "auc"], abs=2e-4)
    for row in tuned.to_dict("records"):
        assert len({*row["train"].split(), *row["val"].split()}) == 5
        assert len(row["val"].split()) == 2
    [recipe, *_] = trained[0]
    assert recipe.train.init_from == str(model / "weights.safetensors")
    assert recipe.train.tasks == ["gender"] and recipe.modality == "normalmap"
    assert recipe.train.epochs == 1  # of section transfer, not train

    trained.clear()
    trained.append(None)  # the next is the second again, which stops
    shutil.copytree(faces, here / "others")
    table = pd.read_parquet(here / "others" / "faces.parquet")
    table.assign(fingerprint="x").to_parquet(here / "others" / "faces.parquet")
    assert psface("transfer", "others", *words[2:]) == 130  # other crops: trained anew
    assert len(trained) == 2


def test_captures_are_cropped_as_the_card_says(simulated, settings, here, capsys, monkeypatch):
    save_untrained(here / "models", untrained_card(settings, "albedo", size=64))
    assert psface("transfer", simulated, "--model", "models") == 0
    said = capsys.readouterr().out
    assert "8 captures cropped" in said
    out = here / "reports" / "transfer"
    assert set(rows(out).index) == {(0, "model"), (0, "albedo 42 px"), (0, "details 42 px")}
    card = read_card(here / "models")
    made = Faces(out / "faces", card.maps)
    assert (len(made), made.side) == (8, 64)
    table = pd.read_parquet(out / "faces" / "faces.parquet")
    assert table["identity"].nunique() == 4 and set(table["gender"]) <= {"male", "female"}

    # A second run cuts nothing anew, and says the same.
    monkeypatch.setattr(captures_to_crops, "crop_and_doubts", lambda capture, card: 1 / 0)
    assert psface("transfer", simulated, "--model", "models") == 0
    assert capsys.readouterr().out == said
    again = Faces(out / "faces", card.maps)
    assert np.array_equal(again.read(np.arange(8)), made.read(np.arange(8)))


def test_what_is_refused(faces, model, settings, here, capsys):
    words = ("--model", model)
    refused(capsys, "nowhere: no such folder", "transfer", "nowhere", *words)
    (here / "empty").mkdir()
    refused(capsys, "empty: no faces.parquet, .*--source", "transfer", "empty", *words)
    refused(capsys, "--padding", "transfer", faces, *words, "--padding", 0.3)
    refused(capsys, "no-model/card.json: missing", "transfer", faces, "--model", "no-model")
    for people, match in ((3, "4 are the least"), (7, "two of them must be left.*6 or fewer")):
        refused(capsys, match, "transfer", faces, *words, "--people", people)
    save_untrained(here / "large", untrained_card(settings, "albedo", size=48))
    refused(capsys, "crops of .* 32 px, but .* 48", "transfer", faces, "--model", "large")
    write_faces(here / "one", people=1, sessions=3)
    refused(capsys, "one person alone", "transfer", "one", *words)
    write_faces(here / "once", people=5, sessions=1)
    refused(capsys, "one capture of each person", "transfer", "once", *words)
    table = pd.read_parquet(here / "once" / "faces.parquet").iloc[:3]
    table.to_parquet(here / "once" / "faces.parquet")
    refused(capsys, "of other crops", "transfer", "once", *words)
    assert psface("transfer", faces, *words, "--people", "5;10") == 2


def test_fine_tuning_needs_weights(faces, model, here, capsys):
    params = load(Sections)
    table = pd.read_parquet(faces / "faces.parquet")
    with pytest.raises(UserError, match="leave --people out"):
        fine_tuning.fine_tuning_recipe(
            read_card(model), here / "none.safetensors", table, params.train, params.transfer
        )


def test_attributes_that_the_captures_lack_are_not_learned(faces, model, here):
    params = load(Sections)
    table = pd.read_parquet(faces / "faces.parquet")
    card = read_card(model)
    fine = card.model_copy(update={"scale": Scale(card.scale.mean, card.scale.std, LIMIT, 0.04)})
    for labels, tasks in ((table["gender"], ["gender"]), ("male", []), ("robot", []), (None, [])):
        recipe = fine_tuning.fine_tuning_recipe(
            fine,
            model / "weights.safetensors",
            table.assign(gender=labels),
            params.train,
            params.transfer,
        )
        assert recipe.train.tasks == tasks
        assert recipe.train.detail == 0.04  # the model's input stays what it was
