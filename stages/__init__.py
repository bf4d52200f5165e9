"""The pipeline: a file per DVC stage."""
