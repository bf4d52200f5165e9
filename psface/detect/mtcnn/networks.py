"""The three networks of MTCNN, and their weights.

Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional
Networks", IEEE SPL 23(10), 2016, figure 2 (with the channels of the authors' release). Inputs are
RGB, (x - CENTRE) / SPREAD. Each outputs the logits of non-face and face and a box regression in
shares of the window's sides (x1, y1, x2, y2); O-Net adds five landmarks in shares of the window,
five x, then five y.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from psface.errors import UserError

# The package's weight files are pickles: only these exact bytes are unpickled.
SHA256 = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}

SIDES = {"pnet": 12, "rnet": 24, "onet": 48}  # px, of the networks' windows
CENTRE, SPREAD = 127.5, 128.0  # of the networks' input
OURS = "give a file that `psface train-detector` wrote"


class Cascaded(nn.Module):
    """A trunk with one head each for the score, the box and, if there are any, the landmarks."""

    def __init__(self, trunk: nn.Sequential, heads: dict[str, nn.Module]) -> None:
        super().__init__()
        self.trunk = trunk
        self.heads = nn.ModuleDict(heads)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.trunk(x)
        return {name: head(features) for name, head in self.heads.items()}


def pnet() -> Cascaded:
    """Build P-Net: fully convolutional, 12 px windows in steps of 2 px."""
    trunk = nn.Sequential(
        *_conv(3, 10), nn.MaxPool2d(2, 2, ceil_mode=True),
        *_conv(10, 16), *_conv(16, 32),
    )  # fmt: skip
    return Cascaded(trunk, {"box": nn.Conv2d(32, 4, 1), "score": nn.Conv2d(32, 2, 1)})


def rnet() -> Cascaded:
    """Build R-Net: 24 px windows."""
    trunk = nn.Sequential(
        *_conv(3, 28), nn.MaxPool2d(3, 2, ceil_mode=True),
        *_conv(28, 48), nn.MaxPool2d(3, 2),
        *_conv(48, 64, 2), nn.Flatten(), nn.Linear(576, 128), nn.PReLU(128),
    )  # fmt: skip
    return Cascaded(trunk, {"box": nn.Linear(128, 4), "score": nn.Linear(128, 2)})


def onet() -> Cascaded:
    """Build O-Net: 48 px windows."""
    trunk = nn.Sequential(
        *_conv(3, 32), nn.MaxPool2d(3, 2, ceil_mode=True),
        *_conv(32, 64), nn.MaxPool2d(3, 2),
        *_conv(64, 64), nn.MaxPool2d(2, 2, ceil_mode=True),
        *_conv(64, 128, 2), nn.Flatten(), nn.Linear(1152, 256), nn.PReLU(256),
    )  # fmt: skip
    heads = {"box": nn.Linear(256, 4), "landmarks": nn.Linear(256, 10), "score": nn.Linear(256, 2)}
    return Cascaded(trunk, dict(heads))


def _conv(inputs: int, outputs: int, kernel: int = 3) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, kernel), nn.PReLU(outputs)


def normalised(pixels: Tensor) -> Tensor:
    """Convert (B, h, w, 1 or 3) in [0, 255] to the networks' input, (B, 3, h, w) in [-1, 1]."""
    x = (pixels.float() - CENTRE) / SPREAD
    return x.expand(-1, -1, -1, 3).permute(0, 3, 1, 2)


class Networks(nn.Module):
    """All three; the weights file of a psface MTCNN holds its state dict."""

    def __init__(self) -> None:
        super().__init__()
        self.pnet, self.rnet, self.onet = pnet(), rnet(), onet()


def load_networks(weights: Path | None = None) -> Networks:
    """Load the networks with weights from a safetensors file or from the ``mtcnn`` package.

    Raises
    ------
    UserError
        If the file does not hold these networks, or the package is missing or altered.
    """
    networks = Networks()
    if weights is None:
        for name in SHA256:
            _fill(getattr(networks, name), iter(_packaged(name)))
        return networks.eval()
    try:
        state = load_file(weights)
    except Exception as error:  # a damaged file can make the reader raise anything
        raise UserError(f"{weights}: not a safetensors file ({error}); {OURS}") from error
    expected = networks.state_dict()
    wrong = [k for k, v in expected.items() if k not in state or state[k].shape != v.shape]
    if wrong or len(state) != len(expected):
        raise UserError(
            f"{weights}: not the weights of a psface MTCNN ({len(wrong)} of its "
            f"{len(expected)} arrays are missing or have another shape); {OURS}"
        )
    networks.load_state_dict(state)
    return networks.eval()


def _packaged(name: str) -> list[np.ndarray]:
    spec = importlib.util.find_spec("mtcnn")  # found, not imported: importing requires TensorFlow
    if spec is None or spec.origin is None:
        raise UserError("the mtcnn package is not installed; run `make setup`")
    path = Path(spec.origin).parent / "assets" / "weights" / f"{name}.lz4"
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256[name]:
        raise UserError(f"{path}: not the weights of mtcnn 1.0.0; run `make setup`")
    return joblib.load(io.BytesIO(data))


def _fill(network: Cascaded, arrays: Iterator[np.ndarray]) -> None:
    """Copy Keras arrays, in layer order, into a network with the same layers."""
    flattened = False
    layers = [*network.trunk.modules(), *network.heads.values()]
    with torch.no_grad():
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                layer.weight.copy_(_tensor(next(arrays).transpose(3, 2, 0, 1)))
            elif isinstance(layer, nn.Linear):
                kernel = next(arrays)
                if flattened:  # Keras flattened (W, H, C) of a 3x3 map; torch flattens (C, H, W)
                    kernel = kernel.reshape(3, 3, -1, kernel.shape[1]).transpose(2, 1, 0, 3)
                    kernel = kernel.reshape(-1, kernel.shape[-1])
                    flattened = False
                layer.weight.copy_(_tensor(kernel.T))
            elif isinstance(layer, nn.PReLU):
                layer.weight.copy_(_tensor(next(arrays).reshape(-1)))
                continue
            else:
                flattened = isinstance(layer, nn.Flatten)
                continue
            assert layer.bias is not None
            layer.bias.copy_(_tensor(next(arrays)))


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
