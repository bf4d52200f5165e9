"""Measure one detector in a process of its own."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from psface.captures.media import Picture, read_media, read_picture
from psface.commands.survey.detection_accuracy import accuracy
from psface.commands.survey.survey_params import SurveyedDetector
from psface.detect.annotations import Annotated
from psface.detect.detectors import build_detector
from psface.detect.face import Detector
from psface.errors import UserError

FRAMES_AT_ONCE = 16  # which a detector may batch
TIMED = 8  # pictures at each size, after one to warm up


def measure(
    name: str,
    surveyed: SurveyedDetector,
    pictures: Sequence[Annotated],
    video: Path,
    sides: Sequence[int],
) -> dict[str, Any]:
    """Measure a detector: its row of the survey.

    Raises
    ------
    UserError
        If it is not installed, its weights are missing, or it crashes.
    """
    # A process of its own, so that its memory is the detector's and a crash is contained.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        work = pool.submit(_measure, name, surveyed, list(pictures), video, list(sides))
        try:
            return work.result()
        except BrokenProcessPool as error:
            raise UserError(f"{name}: crashed, perhaps out of memory") from error
        except Exception as error:  # from a package: the other detectors' figures are kept
            if isinstance(error, UserError):
                raise
            raise UserError(f"{name}: {type(error).__name__}: {error}") from error


def _measure(
    name: str,
    surveyed: SurveyedDetector,
    pictures: list[Annotated],
    video: Path,
    sides: list[int],
) -> dict[str, Any]:
    detector = build_detector(
        surveyed.detector,
        weights=Path(surveyed.weights) if surveyed.weights else None,
        min_face_size=surveyed.min_face_size,
    )
    detections = []
    for picture in tqdm(pictures, desc=f"{name}: accuracy", unit="picture", mininterval=1.0):
        detections += detector.detect([read_picture(picture.path)])
    row: dict[str, Any] = {
        "detector": name,
        "licence": detector.facts.licence,
        "parameters": detector.facts.parameters,
        "weight_bytes": detector.facts.weight_bytes,
        **accuracy(pictures, detections),
    }
    images = [read_picture(picture.path) for picture in pictures[: TIMED + 1]]
    for side in tqdm(sides, desc=f"{name}: speed", unit="size"):
        row[f"ms_at_{side}"] = _milliseconds(detector, [_resized(image, side) for image in images])
    row["video_fps"] = _frames_per_second(detector, video)
    row["peak_mib"] = _peak_mib()
    return row


def _resized(image: np.ndarray, side: int) -> np.ndarray:
    """Scale an image to a longer side of ``side`` px."""
    scale = side / max(image.shape[:2])
    size = tuple(max(1, round(length * scale)) for length in image.shape[1::-1])
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _milliseconds(detector: Detector, images: Sequence[np.ndarray]) -> float:
    """Return the median time per image; the first is not counted."""
    times = []
    for image in images:
        start = time.perf_counter()
        detector.detect([image])
        times.append(time.perf_counter() - start)
    return 1000 * median(times[1:] or times)


def _frames_per_second(detector: Detector, video: Path) -> float:
    """Return the speed on a video, reading included."""
    frames = (item.image for item in read_media(video) if isinstance(item, Picture))
    start, count = time.perf_counter(), 0
    while batch := list(islice(frames, FRAMES_AT_ONCE)):
        detector.detect(batch)
        count += len(batch)
    return count / (time.perf_counter() - start)


def _peak_mib() -> float | None:
    """Return this process's peak memory; None where the system does not report it."""
    # Not getrusage's figure, which starts from that of the parent process.
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
