from pathlib import Path

from stages.errors import run_stage, take_no_arguments
from stages.params import load_params
from stages.train_mtcnn import train_mtcnn


def main() -> None:
    take_no_arguments("stages.train_mtcnn", "Train a face detector, models/mtcnn.safetensors")
    params = load_params()
    out = Path("models/mtcnn.safetensors")
    losses = train_mtcnn(params.train_mtcnn, params.seed, out)
    told = "; ".join(f"{name} {of['total']:.4f}" for name, of in losses.items())
    print(f"train_mtcnn: {out} (losses: {told})")


if __name__ == "__main__":
    run_stage(main, alone_as="train_mtcnn")
