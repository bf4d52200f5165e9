"""A planted bias is found, and none where there is none, in people made up for speed."""

import numpy as np
import pandas as pd
import pytest

from psface.commands.measure import dim_light, few_women
from psface.commands.measure.dim_light import dim_tables, dimmed
from psface.commands.measure.few_women import chosen_people, gender_of, women_tables
from psface.commands.pretrain.pretrain_params import Sections
from psface.config import load
from tests.commands.running import psface

pytestmark = pytest.mark.usefixtures("one_process", "settings")


def test_people_are_chosen_by_gender():
    first, after = chosen_people(3, 5)
    second, _ = chosen_people(2, 2, after)
    assert sorted(map(gender_of, first)) == ["female"] * 3 + ["male"] * 5
    assert max(first) < after <= min(second)


def test_less_light_is_less_signal_and_no_less_noise():
    frames = np.full((3, 50, 50), 160, np.uint8)
    assert (dimmed(frames, 1, 1.5, (0,)) == np.float32(160) / 255).all()
    dark = dimmed(frames, 1 / 16, 1.5, (0,)) * 255
    assert dark.mean() == pytest.approx(10, abs=0.1)
    assert 0.7 < dark.std() < 1.5  # shot noise is less, the sensor's is not
    assert (dark == np.round(dark)).all()


def test_little_light_for_dark_skins_is_found(monkeypatch, tmp_path):
    """Vectors of people who are alike but for noise, which is more in little light."""

    def vector(population, item):
        number, session, light = item
        rng = np.random.default_rng([number, session])
        if light < 1 and rng.random() < 0.1:
            return None  # no face
        own = np.random.default_rng(number).normal(size=16)
        return (own + (0.6 if light == 1 else 1.2) * rng.normal(size=16)).tolist()

    monkeypatch.setattr(dim_light, "_embedded", vector)
    tables = dim_tables(load(Sections).population, 100, 0.1, tmp_path / "index")
    found = {planted: t.set_index(["rate", "group"]) for planted, t in tables.items()}
    assert found["yes"].loc[("FNMR", "dark"), "verdict"] == "worse"
    assert found["yes"].loc[("FTA", "dark"), "verdict"] == "worse"
    assert set(found["no"]["verdict"]) == {"no difference found"}
    assert found["no"].loc["FTA", "trials"].tolist() == [200, 200]


@pytest.mark.slow
def test_networks_are_trained_on_few_women_and_on_as_many(monkeypatch, tmp_path):
    told = {}

    def crops(population, people, work, out):
        """Two captures of each: a picture of the person's own, with noise."""
        told[out] = people
        out.mkdir(parents=True)
        maps = {"normalmap": 3, "albedo": 1, "depthmap": 1}
        for name, channels in maps.items():
            own = np.stack([np.random.default_rng(n).normal(size=(channels, 8, 8)) for n in people])
            both = np.repeat(np.kron(own, np.ones((8, 8))), 2, axis=0)
            both += np.random.default_rng(0).normal(size=both.shape)
            np.save(out / f"{name}.npy", both.astype(np.float16))
        names = np.repeat([f"{n:05}" for n in people], 2)
        rows = range(len(names))
        return pd.DataFrame({"row": rows, "identity": names, "session": [n % 2 for n in rows]})

    monkeypatch.setattr(few_women, "write_crops", crops)
    tables = women_tables(load(Sections), 24, 20, 0.1, 1, tmp_path)
    assert set(tables) == {"yes", "no"}
    for planted, women in (("yes", 2), ("no", 10)):
        people = told[tmp_path / planted / "faces"]
        assert len(set(people)) == 24 + 20 + 2
        assert [gender_of(n) for n in people[:24]].count("female") == 12
        assert [gender_of(n) for n in people[24:44]].count("female") == women
        table = tables[planted]
        assert table["group"].tolist() == ["female", "male"] * 2
        assert table["people"].tolist() == [12] * 4 and table["verdict"].notna().all()


def test_arguments(tmp_path):
    assert psface("measure", "bias", "--plant", "tall-people") == 2
    assert psface("measure", "bias", "--share", "0.7") == 2
