"""A small folder of packed faces that can be learned in seconds."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from psface.config import parse_yaml
from psface.faces.modalities import Map
from psface.faces.trust_findings import COLUMNS
from stages.params import Params

SIDE = 32
CHANNELS: dict[Map, int] = {"albedo": 1, "normalmap": 3, "depthmap": 1, "raw": 1, "frames": 4}


def write_faces(folder: Path, people: int = 12, sessions: int = 4, seed: int = 0) -> pd.DataFrame:
    """Blurred noise per person, some of it per session; women are brighter on the left."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)

    def pattern(channels: int, sigma: float = 3) -> np.ndarray:
        noise = rng.normal(size=(SIDE, SIDE, channels)).astype(np.float32)
        smooth = cv2.GaussianBlur(noise, (0, 0), sigma).reshape(SIDE, SIDE, channels)
        return np.moveaxis(smooth / smooth.std(), -1, 0)

    rows, maps = [], {name: [] for name in CHANNELS}
    for person in range(people):
        own = {name: pattern(count) for name, count in CHANNELS.items()}
        for session in range(sessions):
            woman = person % 3 == 0
            for name, count in CHANNELS.items():
                face = own[name] + 0.4 * pattern(count)
                face[..., : SIDE // 2] += 1.5 * woman
                maps[name].append(face)
            rows.append(
                {
                    "identity": f"p{person:02}",
                    "session": f"s{session}",
                    "gender": "female" if woman else "male",
                    "fingerprint": f"{seed}-{person}-{session}",
                }
            )
    maps["raw"] = [frames[:1] for frames in maps["frames"]]
    for name, faces in maps.items():
        np.save(folder / f"{name}.npy", np.array(faces, dtype=np.float16))
    table = pd.DataFrame(rows)
    table.to_parquet(folder / "faces.parquet")
    doubts = [("(all)", "(all)", "rig", "rig-stale", "turned", "calibrate")]
    doubts += [("p01", "s0", by, code, "m", "r") for by, code in (("face", "a"), ("stereo", "b"))]
    pd.DataFrame(doubts, columns=COLUMNS).to_csv(folder / "trust.csv", index=False)
    return table


def small_params(**changes: object) -> Params:
    """The committed params.yaml with a small, quick training; keys may be dotted."""
    raw = parse_yaml(Path("params.yaml").read_text(encoding="utf-8"))
    quick = {
        "modality": "albedo",
        "train.epochs": 2,
        "train.batch_size": 8,
        "train.learning_rate": 0.002,
        "train.task_weights": {"gender": 5.0, "spectacles": 5.0},
        "train.embedding": 16,
        "train.backbone": "iresnet18",
        "train.detail": 0.0,
        "train.disturbance": 0.0,
        "train.tasks": ["gender"],
        "split.val": 0.2,
        "split.test": 0.3,
        "evaluate.resamples": 100,
        "evaluate.pictured_probes": 4,
    }
    for name, value in {**quick, **changes}.items():
        *sections, key = name.split(".")
        target = raw
        for section in sections:
            target = target[section]
        target[key] = value
    return Params.model_validate(raw)
