"""What the mtcnn package finds, on TensorFlow, in photographs of the shared data.

`python -m tests.detect.mtcnn_package` writes mtcnn_package.json anew.
"""

import json
from pathlib import Path

import numpy as np

from psface.captures.media import read_picture

STORED = Path(__file__).with_suffix(".json")


def faces_of(image: np.ndarray) -> np.ndarray:
    """(n, 15): box, score, and landmarks as x and y in turn; RGB uint8."""
    import mtcnn

    rows = mtcnn.MTCNN().detect_faces(
        image, box_format="xyxy", output_type="numpy", postprocess=False, fit_to_image=False
    )
    rows = np.array(rows, float).reshape(-1, 16)  # image, box, score, five x, five y
    points = rows[:, 6:].reshape(-1, 2, 5).transpose(0, 2, 1).reshape(-1, 10)
    return np.concatenate([rows[:, 1:6], points], axis=1)


def main() -> None:
    root = Path(__file__).parents[3] / "shared" / "data"
    faces = {
        name: faces_of(read_picture(root / name)).round(1).tolist()
        for name in json.loads(STORED.read_text())
    }
    lines = [f"  {json.dumps(name)}: {json.dumps(rows)}" for name, rows in faces.items()]
    STORED.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
