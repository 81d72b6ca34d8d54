"""Every resource of both compositions with all their optional parts, as Terraform plans it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from terraform.tool import Terraform

RUNS = Path(__file__).with_name("every_part.tftest.hcl")

Plans = dict[str, list[dict[str, Any]]]
"""Resources with ``address``, ``type`` and ``values``, by the run that plans them."""


def plan_every_part(terraform: Terraform) -> Plans:
    """Plan the runs of ``every_part.tftest.hcl``. What is known only after the apply is missing in the values."""
    test = terraform.root / "tests" / RUNS.name
    shutil.copy(RUNS, test)
    lines = map(json.loads, terraform.must("test", "-json", "-verbose", f"-filter=tests/{RUNS.name}").splitlines())
    plans = {
        line["@testrun"]: [
            {"address": one["address"], "type": one["type"], "values": one["change"]["after"]}
            for one in line["test_plan"]["resource_changes"]
            if one["mode"] == "managed"
        ]
        for line in lines
        if line["type"] == "test_plan"
    }
    test.unlink()
    return plans
