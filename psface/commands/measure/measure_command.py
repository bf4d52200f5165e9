"""``psface measure``: measure the reliability of psface's own tools."""

from __future__ import annotations

from psface.commands.cli import LazyGroup

COMMANDS = {
    "audit": (
        "psface.commands.measure.audit_accuracy:audit_accuracy",
        "Verdicts of `audit` on simulated people with known truth.",
    ),
    "overlap": (
        "psface.commands.measure.overlap_recall:overlap_recall",
        "Share of changed pictures that `overlap` finds again.",
    ),
    "identify": (
        "psface.commands.measure.promised_rates:promised_rates",
        "Whether promised rates hold on your own people.",
    ),
    "rivals": (
        "psface.commands.measure.rivals:rivals",
        "Speed of our MTCNN against other implementations.",
    ),
    "stereo": (
        "psface.commands.measure.stereo_cost:stereo_cost",
        "What stereo spends its time on.",
    ),
    "rig-to-name": (
        "psface.commands.measure.rig_to_name:rig_to_name",
        "How long it takes from a capture's frames to a name.",
    ),
    "training": (
        "psface.commands.measure.training_speed:training_speed",
        "Time of a training step, beside other code's.",
    ),
    "all": (
        "psface.commands.measure.side_by_side:side_by_side",
        "Training, stereo, evaluation and naming beside other code, in one run.",
    ),
    "trust": (
        "psface.commands.measure.trust_faults:trust_faults",
        "Share of planted faults that the trust checks find, and false alarms.",
    ),
    "bias": (
        "psface.commands.measure.planted_bias:planted_bias",
        "Whether the report finds a planted bias, and none where there is none.",
    ),
    "liveness": (
        "psface.commands.measure.attack_errors:attack_errors",
        "How often prints, screens and masks pass for live faces.",
    ),
    "mean-face": (
        "psface.commands.measure.mean_face_model:mean_face_model",
        "Make the mean face that the trust checks compare with.",
    ),
}

measure = LazyGroup(COMMANDS, name="measure", help="Measure the reliability of psface's own tools.")
