"""Pictures inside a page, so that it is one file."""

from __future__ import annotations

import base64

import cv2
import numpy as np

from psface.report.page_sections import Picture

QUALITY = 80  # of WebP


def embedded(png: bytes, alt: str, caption: str) -> Picture:
    """A PNG file, compressed to a fraction of its size."""
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None  # our own file
    _, data = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    url = f"data:image/webp;base64,{base64.b64encode(data.tobytes()).decode()}"
    return Picture(url, image.shape[1], image.shape[0], alt, caption)
