"""The Chromium of the system: none is fetched."""

from __future__ import annotations

import shutil

ARGUMENTS = ["--no-sandbox", "--disable-background-networking"]


def chromium() -> str | None:
    """Where one is."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)
