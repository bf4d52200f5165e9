from pathlib import Path

from stages.errors import run_stage, take_no_arguments
from stages.params import load_params
from stages.train import train


def main() -> None:
    take_no_arguments("stages.train", "Train the network, models")
    params = load_params()
    models = Path("models")
    card = train(params, Path("data/faces"), Path("data/splits"), models, Path("reports/training"))
    print(
        f"train: {params.modality}, epoch {card.epoch} of {params.train.epochs} is best on the "
        f"validation people (AUC {card.val_auc:.4f}); {models / 'weights.safetensors'}"
    )


if __name__ == "__main__":
    run_stage(main, alone_as="train")
