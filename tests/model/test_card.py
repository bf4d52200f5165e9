"""The card of a model: what its digest stands for."""

import hashlib
import json
from dataclasses import replace

import pytest

from psface.model.card import read_card, write_card
from tests.untrained_models import untrained_card

# A card as written before stereo could be robust and captures could be doubted.
OLD = {
    "modality": "albedo", "fusion": "late", "maps": ["albedo"], "channels": [1], "side": 48,
    "limits": {
        "max_condition": 20.0, "max_saturated": 0.25, "min_brightness": 0.01, "bits": None,
        "max_pixels": 150000000,
    },
    "stereo": {"register_frames": True, "exclude_shadows": True, "integrator": "least-squares"},
    "crop": {
        "size": 48, "detector": "mtcnn", "detector_weights": "", "min_face_size": 60,
        "padding": 0.0, "oval": True, "colour": False, "even_exposure": False,
    },
    "scale": {"mean": [0.25], "std": [0.3], "limit": 3.0},
    "tasks": {"gender": {"male": ["male"], "female": ["female"]}},
    "backbone": "iresnet18", "attention": True, "embedding": 16, "dropout": 0.0, "epoch": 7,
    "val_auc": 0.0, "weights": "5f",
}  # fmt: skip


def test_an_older_card_keeps_its_digest_so_that_galleries_stay_valid(tmp_path):
    text = json.dumps(OLD, separators=(",", ":"))
    (tmp_path / "card.json").write_text(text)
    card = read_card(tmp_path)
    assert card.digest == hashlib.sha256(text.encode()).hexdigest()
    write_card(tmp_path, card)  # with the fields that were added since
    assert "robust" in (tmp_path / "card.json").read_text()
    assert read_card(tmp_path).digest == card.digest


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        ("stereo", {"robust": False}),
        ("stereo", {"exclude_shadows": False}),
        ("limits", {"bits": 12}),
        ("crop", {"untrusted": "refuse"}),
    ],
)
def test_whatever_differs_from_its_default_counts(settings, section, changes):
    card = untrained_card(settings, "albedo")
    changed = getattr(card, section).model_copy(update=changes)
    assert changed != getattr(card, section)
    assert card.model_copy(update={section: changed}).digest != card.digest


def test_another_scale_counts(settings):
    card = untrained_card(settings, "albedo")
    finer = card.model_copy(update={"scale": replace(card.scale, detail=0.04)})
    other = card.model_copy(update={"scale": replace(card.scale, detail=0.05)})
    assert len({card.digest, finer.digest, other.digest}) == 3
