"""train_mtcnn: train P-Net, R-Net and O-Net in turn on annotated pictures.

Each is trained on windows around faces and on what the networks before it take for faces (Zhang et
al., IEEE SPL 23(10), 2016, section III).
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from psface.captures.media import read_picture
from psface.commands.train_detector.mtcnn_loss import mtcnn_loss
from psface.commands.train_detector.train_detector_params import TrainMtcnnParams
from psface.commands.train_detector.training_windows import Samples, mine
from psface.detect.annotations import Annotated, annotated_pictures, annotation_files
from psface.detect.face import MIRRORED, rgb8
from psface.detect.mtcnn.cascade import MTCNN
from psface.detect.mtcnn.networks import CENTRE, SIDES, SPREAD, Cascaded, Networks, load_networks
from psface.detect.mtcnn.proposals import CELL
from psface.files import replacing
from psface.fingerprint import code_digest
from psface.model.device import default_device
from psface.threads import map_in_threads
from psface.training.checkpoint import load_checkpoint, save_checkpoint
from psface.training.shards import Gradients, add_gradients

# Scores at which P-Net and R-Net pass windows on to train the next network: lower than in use.
THRESHOLDS = (0.5, 0.5, 0.5)
PICTURES_AT_ONCE = 16
# Per network, about 7 kB each for O-Net: the more pictures, the fewer from each.
SAMPLES = 300_000
SHARD = 64  # windows a thread takes at once
WARMUP = 0.1
WEIGHT_DECAY = 1e-4


def train_mtcnn(params: TrainMtcnnParams, seed: int, out: Path) -> dict[str, dict[str, float]]:
    """Train and write ``out``, a weights file for `psface.detect.mtcnn.cascade.MTCNN`.

    A checkpoint beside it is written after every epoch; a killed run resumes from there.

    Returns
    -------
    dict
        Each network's losses in its last epoch.

    Raises
    ------
    UserError
        If the annotations or the weights to start from cannot be read.
    """
    pictures = annotated_pictures(params)
    torch.manual_seed(seed)
    device = default_device()
    networks = _start(params.init_from)
    checkpoint = out.with_name(f"{out.stem}-checkpoint.pt")
    fingerprint = _fingerprint(params, seed)
    state: dict[str, Any] = load_checkpoint(checkpoint, fingerprint) or {"losses": {}}
    state.pop("fingerprint", None)
    if "networks" in state:
        networks.load_state_dict(state["networks"])
        print(f"train_mtcnn: resuming from {checkpoint}")

    for number, name in enumerate(SIDES):
        if name in state["losses"]:
            continue
        # One per network, so that a resumed run mines the same windows as the interrupted one.
        rng = np.random.default_rng([seed, number])
        samples = _mined(rng, pictures, networks, name)
        network = getattr(networks, name).to(device)
        for epoch, losses, progress in _fit(network, name, samples, params, seed, state):
            state["networks"] = networks.state_dict()
            state["progress"] = progress
            if epoch == params.epochs:
                state["losses"][name] = losses
                del state["progress"]
            save_checkpoint(checkpoint, fingerprint, state)
        network.cpu().eval()
    with replacing(out) as path:
        save_file({k: v.contiguous() for k, v in networks.state_dict().items()}, path)
    checkpoint.unlink(missing_ok=True)
    return state["losses"]


def _start(init_from: str) -> Networks:
    if not init_from:
        return Networks().eval()
    return load_networks(None if init_from == "package" else Path(init_from))


def _fingerprint(params: TrainMtcnnParams, seed: int) -> str:
    digest = hashlib.sha256(f"{params.model_dump_json()} {seed}".encode())
    annotations = annotation_files(Path(params.annotations), params.format)
    for path in [*annotations, *map(Path, {params.init_from} - {"", "package"})]:
        digest.update(path.read_bytes())
    digest.update(code_digest("psface.commands.train_detector.cascade_training").encode())
    return digest.hexdigest()


def _mined(
    rng: np.random.Generator, pictures: Sequence[Annotated], networks: Networks, name: str
) -> Samples:
    before = MTCNN(20, THRESHOLDS, weights=networks)
    parts = []
    starts = range(0, len(pictures), PICTURES_AT_ONCE)
    for start in tqdm(starts, desc=f"{name}: windows", unit="batch", mininterval=1.0):
        chosen = pictures[start : start + PICTURES_AT_ONCE]
        images = [rgb8(read_picture(picture.path)) for picture in chosen]
        proposed = (
            [np.empty((0, 4))] * len(chosen)
            if name == "pnet"
            else before.windows(images, "rnet" if name == "rnet" else "onet")
        )
        parts.append(mine(rng, chosen, images, proposed, name, max(1, SAMPLES // len(pictures))))
    return Samples(
        *(
            np.concatenate([getattr(part, field) for part in parts])
            for field in ("pixels", "face", "box", "landmarks")
        )
    )


def _fit(
    network: Cascaded,
    name: str,
    samples: Samples,
    params: TrainMtcnnParams,
    seed: int,
    state: dict[str, Any],
) -> Iterator[tuple[int, dict[str, float], dict[str, Any]]]:
    """Train; yield after every epoch its number, mean losses and what resuming needs."""
    device = next(network.parameters()).device
    steps = -(-len(samples) // params.batch_size)
    optimizer = torch.optim.AdamW(
        network.parameters(), params.learning_rate, weight_decay=WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, params.learning_rate, max(10, steps * params.epochs) + 1, pct_start=WARMUP
    )
    progress = state.get("progress")
    first = 1
    if progress is not None:
        optimizer.load_state_dict(progress["optimizer"])
        schedule.load_state_dict(progress["schedule"])
        first = progress["epoch"] + 1
    network.train().requires_grad_(True)
    bar = tqdm(total=params.epochs, initial=first - 1, desc=name, unit="epoch", mininterval=1.0)
    for epoch in range(first, params.epochs + 1):
        generator = torch.Generator().manual_seed(seed * 1000 + epoch)
        sums: dict[str, float] = {}
        for rows in torch.randperm(len(samples), generator=generator).split(params.batch_size):
            x, labels = _batch(samples, rows.numpy(), name, generator, device)
            losses = _step(network, x, labels, name)
            optimizer.step()
            schedule.step()
            for key, value in losses.items():
                sums[key] = sums.get(key, 0.0) + value.item() / steps
        bar.update()
        bar.set_postfix({key: f"{value:.4f}" for key, value in sums.items()})
        yield (
            epoch,
            sums,
            {
                "epoch": epoch,
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
            },
        )
    bar.close()


def _step(
    network: Cascaded, x: Tensor, labels: tuple[Tensor, Tensor, Tensor], name: str
) -> dict[str, Tensor]:
    """Compute the losses of a batch and the weights' gradients, in parallel over its shards."""
    weights = list(network.parameters())
    shards = x.tensor_split(-(-len(x) // SHARD)) if x.device.type == "cpu" else [x]
    parts = list(map_in_threads(network, shards))
    out = {
        head: torch.cat([part[head].detach().flatten(1) for part in parts]).requires_grad_()
        for head in parts[0]
    }
    losses = mtcnn_loss(out, *labels, name)
    losses["total"].backward()
    ends = list(itertools.accumulate((len(shard) for shard in shards), initial=0))

    def gradients(number: int) -> Gradients:
        heads = parts[number]
        rows = slice(ends[number], ends[number + 1])
        outputs = [value.flatten(1) for value in heads.values()]
        upstream = [cast(Tensor, out[head].grad)[rows] for head in heads]
        return torch.autograd.grad(outputs, weights, upstream)

    network.zero_grad()
    add_gradients(weights, list(map_in_threads(gradients, range(len(shards)))))
    return losses


def _batch(
    samples: Samples,
    rows: np.ndarray,
    name: str,
    generator: torch.Generator,
    device: torch.device,
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Return windows (B, 3, side, side) and labels, half mirrored, with random brightness."""
    x = torch.from_numpy(samples.pixels[rows]).float()
    face = torch.from_numpy(samples.face[rows])
    box, landmarks = (torch.from_numpy(a[rows]) for a in (samples.box, samples.landmarks))
    flipped = torch.rand(len(rows), generator=generator) < 0.5
    x = torch.where(flipped[:, None, None, None], x.flip(2), x)
    # Box sides are offsets from the window's sides, as shares of it: mirrored, x1 becomes -x2, and
    # a point at x moves to 1 - x. P-Net's reference starts a pixel late.
    shift = 1 / (CELL - 1) if name == "pnet" else 0.0
    swapped = torch.stack([-box[:, 2] - shift, box[:, 1], -box[:, 0] - shift, box[:, 3]], dim=1)
    box = torch.where(flipped[:, None], swapped, box)
    across, down = landmarks.reshape(-1, 2, 5).unbind(dim=1)
    mirrored = torch.cat([1 - across[:, MIRRORED], down[:, MIRRORED]], dim=1)
    landmarks = torch.where(flipped[:, None], mirrored, landmarks)
    gain = 1 + 0.3 * (2 * torch.rand(len(rows), generator=generator) - 1)
    offset = 25 * (2 * torch.rand(len(rows), generator=generator) - 1)
    x = (x - CENTRE) * gain[:, None, None, None] + offset[:, None, None, None]
    x = x.clamp(-CENTRE, CENTRE).permute(0, 3, 1, 2) / SPREAD
    return x.to(device), (face.to(device), box.to(device), landmarks.to(device))
