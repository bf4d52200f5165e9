"""``psface measure``: how far psface's own tools can be trusted."""

from __future__ import annotations

from psface.commands.cli import LazyGroup

COMMANDS = {
    "audit": (
        "psface.commands.measure.audit_accuracy:audit_accuracy",
        "Verdicts of `audit` on simulated people with known truth.",
    ),
    "overlap": (
        "psface.commands.measure.overlap_recall:overlap_recall",
        "How many changed pictures `overlap` finds again.",
    ),
    "identify": (
        "psface.commands.measure.promised_rates:promised_rates",
        "What a promised rate is worth on people of one's own.",
    ),
    "rivals": (
        "psface.commands.measure.rivals:rivals",
        "The speed of our MTCNN beside other implementations.",
    ),
}

measure = LazyGroup(
    COMMANDS, name="measure", help="Measure how far psface's own tools can be trusted."
)
