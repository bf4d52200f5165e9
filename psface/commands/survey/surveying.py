"""survey: compare face detectors on annotated photographs and a video made from them."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from psface.commands.survey.detector_cost import measure
from psface.commands.survey.panning_video import make_video
from psface.commands.survey.survey_params import SurveyParams
from psface.commands.survey.survey_plot import draw
from psface.detect.annotations import annotated_pictures
from psface.errors import UserError
from psface.files import replacing


def survey(params: SurveyParams, out: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Measure all detectors of ``params`` that can be built.

    Writes ``survey.csv``, ``metrics.json`` and ``survey.png`` to ``out``.

    Returns
    -------
    table : DataFrame
        A row per detector, highest average precision first: ``detector``, ``licence``,
        ``parameters``, ``weight_bytes``, the values of `accuracy`, ``ms_at_<side>`` (one image with
        a longer side of ``side`` px), ``video_fps`` and ``peak_mib`` (of the whole process).
    unavailable : dict of str
        Why each missing detector is not in the table.

    Raises
    ------
    UserError
        If the annotations cannot be read, or no detector can be built.
    """
    pictures = annotated_pictures(params)
    rows, unavailable = [], {}
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "video.mp4"
        make_video(pictures, video, params.video_frames)
        for name, surveyed in tqdm(params.detectors.items(), desc="survey", unit="detector"):
            try:
                rows.append(measure(name, surveyed, pictures, video, params.sides))
            except UserError as error:
                unavailable[name] = str(error)
    if not rows:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in unavailable.items())
        raise UserError(f"no detector can be surveyed: {reasons}")
    table = pd.DataFrame(rows).sort_values("average_precision", ascending=False, kind="stable")
    with replacing(out / "survey.csv") as path:
        table.round(4).to_csv(path, index=False)
    with replacing(out / "metrics.json") as path:
        numbers = table.drop(columns=["licence"]).set_index("detector").round(4)
        content = json.loads(numbers.to_json(orient="index"))
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    with replacing(out / "survey.png") as path:
        draw(table, params.sides[len(params.sides) // 2], path)
    return table, unavailable
