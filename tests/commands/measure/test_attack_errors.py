"""The tables of `psface measure liveness` against plain counting."""

import numpy as np
import pandas as pd
import pytest

from psface.captures.capture import picture
from psface.captures.capture_table import write_captures
from psface.commands.measure.attack_errors import COLUMNS, of_captures, rates, simulated
from psface.commands.measure.attack_matches import matches
from psface.errors import UserError
from psface.liveness.verdict import THRESHOLD
from tests.commands.running import psface, refused
from tests.untrained_models import save_untrained, untrained_card

pytestmark = pytest.mark.usefixtures("one_process")


def test_rates_are_those_of_plain_counting():
    rng = np.random.default_rng(2)
    live, attack = rng.uniform(0.3, 0.9, 120), rng.uniform(0, 0.4, 60)
    attack[:5] = np.nan  # no face found: none of them passes, but all count
    rows = [("live", f"{i}", "", True, score) for i, score in enumerate(live)]
    rows += [("flat", f"{i}", "frame", s == s, s) for i, s in enumerate(attack)]
    first, second = rates(pd.DataFrame(rows, columns=list(COLUMNS))).to_dict("records")
    assert (first["of"], first["told"], second["of"], second["told"]) == (120, 120, 60, 55)
    assert first["bpcer_default"] == pytest.approx(sum(live < THRESHOLD) / 120, abs=1e-4)
    assert second["passed_default"] == sum(attack >= THRESHOLD)
    assert second["apcer_default"] == pytest.approx(sum(attack >= THRESHOLD) / 60, abs=1e-4)
    assert sum(live < first["threshold_5%"]) <= 0.05 * 120
    assert second["passed_5%"] == sum(attack >= sorted(live)[5])
    assert second["apcer_low_5%"] <= second["apcer_5%"] <= second["apcer_high_5%"]
    assert first["bpcer_low_5%"] <= first["bpcer_5%"] <= first["bpcer_high_5%"]
    at_apcer = sorted(attack[5:])[-1]  # none of 60 may pass at 1%
    assert second["bpcer_at_apcer_1%"] == pytest.approx(sum(live <= at_apcer) / 120, abs=1e-4)


def test_intervals_are_by_people_not_by_captures():
    def errors(people):
        rows = [("live", f"{i}", "", True, 0.8) for i in range(40)]
        rows += [("flat", f"{i % people}", "", True, (i % 5 == 0) * 0.9) for i in range(40)]
        return rates(pd.DataFrame(rows, columns=list(COLUMNS))).iloc[1]

    five, forty = errors(5), errors(40)  # of five, one always passes
    assert (five.people, forty.people) == (5, 40)
    assert five.apcer_default == forty.apcer_default == 0.2
    assert five.apcer_high_default > 0.5 > forty.apcer_high_default


def test_a_rate_that_live_captures_are_too_few_for_is_empty():
    rows = [("live", "0", "", True, 0.8), ("flat", "0", "frame", False, np.nan)]
    table = rates(pd.DataFrame(rows, columns=list(COLUMNS)))
    assert np.isnan(table["threshold_1%"]).all() and "passed_1%" not in table
    assert table.passed_default[1] == 0 and table.apcer_high_default[1] == pytest.approx(0.95)
    with pytest.raises(UserError, match="no face found in any live capture"):
        rates(pd.DataFrame(rows[1:], columns=list(COLUMNS)))


def test_simulated_and_real_copies_are_told_from_the_faces(settings, simulated_captures, tmp_path):
    params = settings.simulate.model_copy(update={"width": 180, "height": 240})
    made = simulated(params, 1, ["flat print"], tmp_path / "index")
    for rows in (made, of_captures(simulated_captures[:1])):
        table = pd.DataFrame(rows, columns=list(COLUMNS)).dropna(subset="score")
        live = table.kind == "live"
        assert table[live].score.min() > 0.4 and table[~live].score.max() < 0.2


def test_attacks_are_compared_with_whom_they_copy(settings, tmp_path):
    model = tmp_path / "model"
    card = untrained_card(settings, "albedo", min_face_size=30)
    save_untrained(model, card)
    params = settings.simulate.model_copy(update={"width": 180, "height": 240})
    index = tmp_path / "index"
    table = matches(model, params, 2, ["mask of the person"], index)
    assert matches(model, params, 2, ["mask of the person"], index).equals(table)  # kept
    assert table.kind.tolist() == ["live", "mask of the person"]
    assert (table.of == 2).all() and (table.seen <= 2).all()
    assert table["threshold_fmr_0.01"].isna().all()  # two comparisons tell no rate of 1%


def test_arguments(tmp_path, capsys, monkeypatch, settings):
    both = ("--captures", tmp_path / "c.parquet", "--model", tmp_path)
    assert psface("measure", "liveness", *both) == 2
    assert psface("measure", "liveness", "--kinds", "hologram") == 2
    refused(capsys, "c.parquet", "measure", "liveness", *both[:2], "--out", tmp_path / "o.csv")
    write_captures(tmp_path / "c.parquet", [picture("anna", tmp_path / "face.png")])
    refused(capsys, "three lamps or more", "measure", "liveness", *both[:2])
