"""What is said of a run, against the numbers: either way, and where they cannot tell."""

import numpy as np
import pandas as pd
import pytest

from psface.report.run_sentences import (
    attributes_say,
    conditions_say,
    data_says,
    floors_say,
    leakage_say,
    probes_say,
    rejects_say,
    split_says,
    stereo_says,
    training_says,
)


def test_attributes():
    assert attributes_say({"pose": 0.98, "emotion": 0.91}) == (
        "On unseen people, the network tells pose best (AUC 0.9800) and emotion worst (0.9100)."
    )
    assert attributes_say({"pose": 0.98}).endswith("tells pose with AUC 0.9800.")
    assert attributes_say({}) == ""


def test_leakage():
    rows = [("facial_hair", "linear", 0.6), ("facial_hair", "mlp", 0.8), ("pose", "linear", 0.55)]
    leaks = pd.DataFrame(rows, columns=["attribute", "probe", "auc"])
    assert leakage_say(leaks) == (
        "From the identity embedding, probes read facial hair best: AUC 0.7000, and pose least: "
        "0.5500; 0.5 is no leak."
    )
    assert "least" not in leakage_say(leaks[:2]) and leakage_say(leaks[:0]) == ""


def test_conditions_that_lower_raise_and_cannot_tell():
    columns = ["attribute", "people", "fall", "fall_low", "fall_high"]
    rows = [
        ("facial_hair", 20, 0.15, 0.02, 0.3),
        ("emotion", 20, -0.03, -0.05, -0.01),
        ("pose", 20, 0.05, -0.01, 0.1),
        ("spectacles", 3, 0.4, 0.3, 0.5),
        ("gender", 0, np.nan, np.nan, np.nan),
    ]
    table = pd.DataFrame(rows, columns=columns)
    assert conditions_say(table) == (
        "Where captures differ in facial hair (by 0.150 [0.020, 0.300]), TAR at FAR 0.01 is lower. "
        "Where they differ in emotion (by 0.030 [0.010, 0.050]), TAR at FAR 0.01 is higher. For "
        "pose, no difference can be told. Too few people differ in spectacles to tell."
    )
    assert conditions_say(table[2:3]) == "For pose, no difference can be told."
    assert conditions_say(table[4:]).startswith("No attribute is known to differ")


def test_rejects():
    rows = [(0.01, 0.0, 0.02, 0.02), (0.01, 0.1, 0.012, 0.0), (0.001, 0.0, 0.1, 0.1)]
    rejects = pd.DataFrame(rows, columns=["fmr", "rejected", "fnmr", "ideal"])
    said = rejects_say(rejects)
    assert "FNMR at FMR 0.01 is 0.012 instead of 0.02" in said and said.startswith(
        "Without the 10%"
    )
    assert "nothing can be gained" in rejects_say(rejects.assign(fnmr=0.0))
    assert rejects_say(rejects[:0]) == ""


def test_probes_and_data():
    cmc = pd.DataFrame({"rank": [1, 2], "hit_rate": [0.9, 1.0]})
    assert probes_say(cmc) == "10.0% of the probes are nearest to another person."
    assert probes_say(cmc[:0]) == ""
    assert data_says(900, 1, 2, 3) == (
        "900 captures of 1 person were accepted; no face was found in 2; 3 are in doubt."
    )
    assert "; 1 is in doubt. The rig is in doubt: too flat; calibrate it." in data_says(
        9, 1, 2, 1, ["too flat; calibrate it"]
    )
    assert data_says(1, 2, 0, 0) == "1 capture of 2 people were accepted; none is in doubt."
    assert data_says(1, 2, 0, None) == "1 capture of 2 people were accepted."


def test_split():
    rows = [("a_b", "x", 0.5, 0.52), ("a_b", "y", 0.5, 0.485), ("c", "z", np.nan, np.nan)]
    shares = pd.DataFrame(rows, columns=["task", "class", "train", "test"])
    assert split_says(shares).endswith("by at most 2.0 points (a b: x).")
    assert split_says(shares[2:]).startswith("No capture is labelled")


def test_stereo():
    errors = {"angle_deg": 7.0, "angle_deg_unregistered": 12.9, "angle_deg_still": 6.5}
    assert stereo_says(errors) == (
        "Against the simulator's truth, normals are 7.0° off on average; 12.9° if frames are not "
        "registered, and 6.5° if nobody had moved."
    )
    assert stereo_says({"angle_deg": 7.0}).endswith("off on average.") and stereo_says({}) == ""


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.05, "AUC is above the untrained floors (pixels 0.6000, PCA 0.9000) by"),
        (-0.01, 0.05, "Whether AUC is above the untrained floors"),
        (-0.05, -0.01, "AUC is below the better of the untrained floors"),
    ],
)
def test_floors(low, high, said):
    found = {"pixel_auc": 0.6, "pca_auc": 0.9, "above_floor": (low + high) / 2}
    found |= {"above_floor_low": low, "above_floor_high": high}
    assert floors_say(found).startswith(said)
    assert floors_say({**found, "above_floor": None}) == floors_say({}) == ""


def test_training():
    curve = pd.Series([0.7, 0.9, 0.8])
    assert training_says(curve, 2) == (
        "Validation AUC is highest, 0.9000, after epoch 2 of 3, which is the model's."
    )
    assert training_says(curve, 3).endswith("of 3; the model is that of epoch 3.")
    assert training_says(curve[:2], 2).endswith("the model's; more epochs might raise it.")
    assert training_says(None, 4) == "The model is that of epoch 4."
