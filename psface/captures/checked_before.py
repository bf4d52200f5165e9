"""Recall from earlier runs which captures passed `psface.captures.checks`, so that frames are read
once."""

from __future__ import annotations

import json

from psface.captures.capture import Capture, Refusal
from psface.captures.checks import accepted, files_of
from psface.captures.limits import CaptureLimits
from psface.files import digest_of, is_utf8
from psface.fingerprint import code_digest
from psface.kept_results import KeptResults
from psface.stamps import stamp_of


class CheckedBefore:
    """The hashes of captures whose files, statements, limits and checking code are unchanged.

    Refused captures are checked again: what was wrong with a file may be its permissions, or the
    network.

    Parameters
    ----------
    kept : KeptResults
        A hash by `Capture.key`.
    """

    def __init__(self, kept: KeptResults, limits: CaptureLimits) -> None:
        self.kept = kept
        self.limits = limits
        code = code_digest("psface.captures.checks")
        self.common = digest_of(limits.limits.model_dump_json(), code)

    def mark(self, item: Capture | Refusal) -> str | None:
        """All that a capture's hash depends on, to be taken before it is read; None if a file has
        just changed."""
        if isinstance(item, Refusal) or not is_utf8(item.key):
            return None
        stamp = stamp_of(files_of(item))
        landmarks = "" if item.landmarks is None else item.landmarks.tobytes().hex()
        rig = "" if item.rig is None else item.rig.text()
        stated = json.dumps([item.key, item.frames, item.ambient, item.mask])
        lights = item.lights.tobytes().hex()
        return stamp and digest_of(stated, lights, landmarks, rig, stamp, self.common)

    def get(self, item: Capture | Refusal, mark: str | None) -> Capture | Refusal | None:
        """Return the checked capture, or a refusal as it is; None if it must be checked."""
        if isinstance(item, Refusal):
            return item
        digest = self.kept.get(item.key, mark)
        return None if digest is None else accepted(item, digest, self.limits)

    def put(self, result: Capture | Refusal, mark: str | None) -> None:
        """Keep the hash of a capture that passed."""
        if isinstance(result, Capture):
            self.kept.put(result.key, mark, result.digest)
