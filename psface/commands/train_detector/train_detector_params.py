"""Section ``train_mtcnn`` of params.yaml."""

from __future__ import annotations

from psface.config import Count, Positive
from psface.detect.annotation_params import AnnotatedParams


class TrainMtcnnParams(AnnotatedParams):
    """Training of a face detector."""

    init_from: str
    epochs: Count
    batch_size: Count
    learning_rate: Positive
