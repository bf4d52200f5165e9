"""``psface rig``: describe, calibrate and convert a rig."""

from __future__ import annotations

from psface.commands.cli import LazyGroup

COMMANDS = {
    "calibrate": (
        "psface.commands.rig.calibrate:calibrate",
        "Calibrate lamps from pictures of balls.",
    ),
    "import": (
        "psface.commands.rig.import_rig:import_rig",
        "Make a rig from a calibration of another program.",
    ),
    "export": (
        "psface.commands.rig.export_rig:export_rig",
        "Write a rig's directions for another program.",
    ),
    "show": (
        "psface.commands.rig.show_rig:show_rig",
        "Draw a rig's lamps about the face, and list them.",
    ),
}

rig = LazyGroup(COMMANDS, name="rig", help="Describe, calibrate and convert a rig.")
