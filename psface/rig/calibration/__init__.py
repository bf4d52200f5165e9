"""Calibrate lamps from pictures of balls."""
