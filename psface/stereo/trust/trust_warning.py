"""What a check says when a capture or its rig cannot be trusted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrustWarning:
    """One doubt; whether it warns or refuses is the caller's decision.

    Attributes
    ----------
    code : str
        Short name, the same for all warnings of this kind.
    message : str
        What was found, with figures.
    remedy : str
        What would put it right.
    """

    code: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}"
