"""What several integration tests share."""

from __future__ import annotations

import pytest

from closed_days import Ground
from emulated import Emulator
from telemetry.warehouse.connection import Connection


@pytest.fixture
def ground(warehouse: Connection, aws: Emulator) -> Ground:
    """Days to close, of a stream of the test's own."""
    return Ground(warehouse, aws)
