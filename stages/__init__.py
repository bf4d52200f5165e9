"""psface: face recognition from photometric stereo, one room per pipeline stage."""
