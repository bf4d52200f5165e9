"""Which files of code each pipeline stage depends on, as ``dvc.yaml`` should list them."""

from pathlib import Path

from psface.captures.layouts.layouts import READERS
from psface.detect.detectors import DETECTORS
from psface.fingerprint import closure
from psface.model.network.backbones import BACKBONES
from psface.registry import module_of
from psface.stereo.integrators.integrators import INTEGRATORS
from psface.training.heads.heads import HEADS

ROOT = Path(__file__).parents[1]
# What a stage may choose by name, out of a registry.
CHOSEN = {
    "stages.ingest": READERS,
    "stages.stereo": INTEGRATORS,
    "stages.crop": DETECTORS,
    "stages.train": HEADS | BACKBONES,
    "stages.evaluate": BACKBONES,
    "psface.commands.audit.audit_command": BACKBONES | INTEGRATORS | DETECTORS,
    "psface.commands.overlap.overlap_command": BACKBONES | INTEGRATORS | DETECTORS,
    "psface.commands.survey.survey_command": DETECTORS,
}
# Templates, which are no modules.
TEMPLATES = {
    "psface.commands.audit.audit_command": ["psface/commands/audit/audit.html.j2"],
    "stages.crop": [f"psface/report/capture_view.{kind}.j2" for kind in ("html", "js")],
    "stages.report": [
        f"psface/report/{name}.html.j2" for name in ("page", "page_parts", "run_page")
    ],
}


def code_of(module: str) -> set[str]:
    """All files of code that a stage may load."""
    named = {module_of(address) for address in CHOSEN.get(module, {}).values()}
    modules = {path.relative_to(ROOT).as_posix() for path in closure(module, *named).values()}
    return modules | set(TEMPLATES.get(module, []))


def code_deps(module: str) -> list[str]:
    """The same as ``deps``: a folder stands for its files where all of them are loaded."""
    files = code_of(module)
    deps: set[str] = set()
    for file in files:
        parents = [parent.as_posix() for parent in Path(file).parents][:-2]
        whole = [folder for folder in parents if files_in(folder) <= files]
        deps.add(whole[-1] if whole else file)
    return sorted(deps)


def files_in(folder: str) -> set[str]:
    """What counts of a folder: all but ``__init__`` files, which hold no code, and caches."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "__init__.py"
    }
