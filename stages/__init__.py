"""The pipeline: a file per DVC stage. Ctrl-C prints one line even while a stage loads."""

from psface.running import quiet_interrupt

quiet_interrupt()
