"""Linters from npm, as ``linters/package-lock.json`` pins them. Without one, the tests that need it are skipped."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

LINTERS = Path(__file__).parent / "linters"


def install(name: str) -> Path:
    """Install the linters unless ``name`` is there already, and return the folder of ``node_modules``."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"npm is missing: install Node.js 18 or newer to run {name}")
    if not (LINTERS / "node_modules" / name).exists():
        done = subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund"], cwd=LINTERS, capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"npm cannot install {name} ({done.stderr.strip()[-200:]}); by hand: npm ci --prefix {LINTERS}")
    return LINTERS
