"""``psface``: the command line, with one subcommand per task."""

from __future__ import annotations

import click

from psface.registry import named
from psface.running import quiet_interrupt, run

# Subcommands: where each is, and what it does. Modules are loaded when used.
COMMANDS = {
    "detect": (
        "psface.commands.detect:detect",
        "Find faces in pictures, folders and video.",
    ),
    "enrol": (
        "psface.commands.enrol:enrol",
        "Enrol people in a gallery.",
    ),
    "identify": (
        "psface.commands.identify:identify",
        "Identify people in captures and pictures.",
    ),
    "liveness": (
        "psface.commands.liveness:liveness",
        "Tell live faces from prints and screens.",
    ),
    "verify": (
        "psface.commands.verify:verify",
        "Evaluate a model on pairs, or compare two captures.",
    ),
    "view": (
        "psface.commands.view_command:view",
        "Look at a capture: relight it, turn it.",
    ),
    "mesh": (
        "psface.commands.mesh_command:mesh",
        "Write a capture's surface as a mesh.",
    ),
    "evaluate": (
        "psface.commands.evaluate:evaluate",
        "Report the errors of any system from its scores.",
    ),
    "export": (
        "psface.commands.export:export",
        "Export a trained model to ONNX.",
    ),
    "audit": (
        "psface.commands.audit.audit_command:audit",
        "Check a data set against requirements.",
    ),
    "overlap": (
        "psface.commands.overlap.overlap_command:overlap",
        "Find duplicate pictures and people in the data.",
    ),
    "experiments": (
        "psface.commands.compare.experiments_command:experiments",
        "Run the unfinished experiments.",
    ),
    "compare": (
        "psface.commands.compare.compare_command:compare",
        "Compare the finished experiments on one page.",
    ),
    "transfer": (
        "psface.commands.transfer.transfer_command:transfer",
        "Test a model on people and a rig that it was not trained on.",
    ),
    "pretrain": (
        "psface.commands.pretrain.pretrain_command:pretrain",
        "Make the model that psface ships.",
    ),
    "scenes": (
        "psface.commands.scenes.scenes_command:scenes",
        "Render annotated pictures of simulated people.",
    ),
    "train-detector": (
        "psface.commands.train_detector.train_detector_command:train_detector",
        "Train a face detector.",
    ),
    "survey": (
        "psface.commands.survey.survey_command:survey",
        "Compare face detectors.",
    ),
    "rig": (
        "psface.commands.rig.rig_command:rig",
        "Describe, calibrate and convert a rig.",
    ),
    "measure": (
        "psface.commands.measure.measure_command:measure",
        "Measure the reliability of psface's own tools.",
    ),
}


class LazyGroup(click.Group):
    """A group that loads commands when they are used, so that ``--help`` is quick."""

    def __init__(self, commands: dict[str, tuple[str, str]], **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.lazy = commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return named(self.lazy[cmd_name][0]) if cmd_name in self.lazy else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, does) for name, (_, does) in self.lazy.items()])


psface = LazyGroup(
    COMMANDS,
    name="psface",
    help="Face recognition from photometric stereo.\n\nThe pipeline itself is run by `dvc repro`.",
    epilog="psface COMMAND --help shows details and an example.",
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            help="Show the version and exit.",
            callback=lambda ctx, _, value: _version(ctx) if value else None,
        )
    ],
)


def _version(context: click.Context) -> None:
    from importlib.metadata import version

    click.echo(f"psface {version('psface')}")
    context.exit()


def main() -> None:
    quiet_interrupt()
    run(psface)


if __name__ == "__main__":
    main()
