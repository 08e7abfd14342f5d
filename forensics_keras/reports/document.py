"""The report as a PDF file: the page, printed by an installed browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
_SECONDS = 600


def find_browser() -> str:
    """Finds a browser that prints pages without a window.

    Raises:
        ValueError: None is installed.
    """
    for name in _BROWSERS:
        if path := shutil.which(name):
            return path
    raise ValueError(
        "--report pdf needs Chromium or Chrome; install it, or take --report html and print the "
        "page in any browser"
    )


def print_page(page: str) -> bytes:
    """Prints a page that needs no other file.

    Args:
        page: The HTML text.

    Returns:
        The content of a PDF file.

    Raises:
        ValueError: No browser is installed, or it fails.
    """
    browser = find_browser()
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "report.html"), Path(folder, "report.pdf")
        source.write_text(page, "utf-8")
        options = ["--headless", "--disable-gpu", f"--user-data-dir={folder}/profile"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            options.append("--no-sandbox")  # which needs another user than root
        command = [browser, *options, "--no-pdf-header-footer", f"--print-to-pdf={target}"]
        try:
            subprocess.run(
                [*command, source.as_uri()], capture_output=True, timeout=_SECONDS, check=True
            )
            return target.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            raise ValueError(
                f"{browser}: could not print the report ({type(error).__name__}); take --report "
                "html and print the page in any browser"
            ) from error
