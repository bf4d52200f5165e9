"""The pipeline: a file per DVC stage. Ctrl-C is one line also while a stage still loads."""

from psface.running import quiet_interrupt

quiet_interrupt()
