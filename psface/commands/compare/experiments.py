"""List and run the DVC experiments of ``params.yaml``'s ``compare`` section.

An experiment is a git reference that DVC keeps, `refs/exps/<baseline>/<name>`. It is finished if
its parameters, and the code that the pipeline's stages depend on, match the current ones, whichever
commit it was started from.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from psface.commands.compare.compare_params import CompareParams
from psface.config import parse_yaml
from psface.errors import UserError
from psface.files import replacing

PARAMS = Path("params.yaml")
# Left by an interrupted run, to restore params.yaml from.
BACKUP = Path(".dvc/tmp/psface-params.yaml")
# Sections of params.yaml that no stage of the pipeline reads.
SIDE_SECTIONS = {
    "audit", "compare", "overlap", "pretrain", "scenes", "survey", "train_mtcnn", "transfer"
}  # fmt: skip
PIPELINES = ("dvc.yaml", "data/dvc.yaml")
PAGE = "report"  # the stage that shows results, and makes none


@dataclass(frozen=True)
class Experiment:
    """One run with one training seed.

    Attributes
    ----------
    run : str
        The entry of ``compare.runs``.
    seed : int
    settings : tuple of str
        ``name=value``, overriding params.yaml.
    """

    run: str
    seed: int
    settings: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.run}-s{self.seed}"


def planned(params: CompareParams) -> list[Experiment]:
    """List all experiments: the first seed of every run comes before the second of any."""
    return [
        Experiment(run, seed, (*settings, f"train.seed={seed}"))
        for seed in params.seeds
        for run, settings in params.runs.items()
    ]


def run_experiments(params: CompareParams) -> tuple[int, int]:
    """Run the unfinished experiments with DVC, one after another, then restore params.yaml.

    After an interruption, even a kill, the next call resumes: finished experiments are not run
    again, and training has its checkpoint.

    Returns
    -------
    ran, done_before : int

    Raises
    ------
    UserError
        If an experiment fails; the message names it.
    """
    if BACKUP.exists():
        _put_back()
    base = base_params()
    experiments = planned(params)
    todo = [e for e in experiments if finished(e, base) is None]
    with replacing(BACKUP) as path:
        path.write_text(base, encoding="utf-8")
    try:
        for experiment in tqdm(todo, desc="experiments", unit="run"):
            print(f"\nexperiments: {experiment.name}", file=sys.stderr, flush=True)
            if _references(experiment.name):
                _dvc("exp", "remove", "--quiet", experiment.name)
            PARAMS.write_text(base, encoding="utf-8")
            # DVC cannot start while the index holds what a killed run added.
            _git("reset", "--quiet", "--", str(PARAMS))
            settings = [part for setting in experiment.settings for part in ("-S", setting)]
            if _dvc("exp", "run", "-n", experiment.name, *settings) != 0:
                raise UserError(
                    f"experiments: {experiment.name} failed, see above; fix that, and the same "
                    "command resumes here"
                )
    finally:
        _put_back()
    return len(todo), len(experiments) - len(todo)


def base_params() -> str:
    """The text of params.yaml without the settings of a running experiment."""
    return (BACKUP if BACKUP.exists() else PARAMS).read_text(encoding="utf-8")


def finished(experiment: Experiment, base: str) -> str | None:
    """The commit of an experiment finished with these parameters and this code, or None."""
    expected = with_settings(base, experiment.settings)
    stages = _pipelines(None)
    code = sorted({path for stage in stages for path in stage["deps"] if _is_code(path)})
    for commit in _references(experiment.name):
        text = _git("show", f"{commit}:{PARAMS}")
        if text is None or _of_the_pipeline(parse_yaml(text)) != expected:
            continue
        if _pipelines(commit) != stages:
            continue
        changed = ["git", "diff", "--quiet", commit, "--", *code]
        if not code or subprocess.run(changed).returncode == 0:  # without paths, git compares all
            return commit
    return None


def _pipelines(commit: str | None) -> list[dict[str, Any]]:
    """The stages that make results at a commit (None: now), without their descriptions."""
    pipeline = []
    for path in PIPELINES:
        if commit is None and not Path(path).is_file():
            raise UserError(f"{path}: missing; run this in the project's root folder")
        text = (
            Path(path).read_text(encoding="utf-8")
            if commit is None
            else _git("show", f"{commit}:{path}")
        )
        stages = parse_yaml(text)["stages"] if text else {}
        pipeline += [
            {k: v for k, v in stage.items() if k != "desc"}
            for name, stage in stages.items()
            if name != PAGE
        ]
    return pipeline


def _is_code(path: str) -> bool:
    return path.startswith(("psface/", "stages/"))


def with_settings(base: str, settings: tuple[str, ...]) -> dict[str, Any]:
    """The pipeline's sections of params.yaml, with ``name=value`` applied."""
    content = parse_yaml(base)
    for setting in settings:
        name, _, value = setting.partition("=")
        *sections, last = name.split(".")
        target = content
        for section in sections:
            target = target[section]
        target[last] = parse_yaml(value)
    return _of_the_pipeline(content)


def _of_the_pipeline(content: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in SIDE_SECTIONS}


def _references(name: str) -> list[str]:
    """Commits of all experiments with this name, on any baseline."""
    listed = _git("for-each-ref", "--format=%(objectname) %(refname)", "refs/exps") or ""
    split = (line.split(" ", 1) for line in listed.splitlines())
    return [
        commit
        for commit, reference in split
        if reference.endswith(f"/{name}") and not reference.startswith("refs/exps/exec/")
    ]


def _put_back() -> None:
    BACKUP.replace(PARAMS)


def _git(*arguments: str) -> str | None:
    result = subprocess.run(["git", *arguments], capture_output=True, text=True)
    return result.stdout if result.returncode == 0 else None


def _dvc(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "dvc", *arguments]).returncode
