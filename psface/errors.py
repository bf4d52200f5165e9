"""Errors for the user: one line that names the file and the remedy."""

from __future__ import annotations

LONGEST = 1500  # characters of a message, which may quote a file


class UserError(Exception):
    """A fault that the user can correct: a bad file, a bad parameter, an empty folder."""

    def __init__(self, message: str) -> None:
        if len(message) > LONGEST:
            message = f"{message[: LONGEST // 2]} ... {message[-LONGEST // 2 :]}"
        super().__init__(message)
