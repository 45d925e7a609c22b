"""The pipeline example over a real S3 server, killed a few times. (Many times: pipeline_kills.py.)"""

import os
import time

import pipeline_kills
import pytest
from conftest import KIND

KILLS = 2


@pytest.mark.skipif(KIND != "pannierd", reason="its daemon is pannierd")
def test_a_pipeline_that_is_killed_ends_with_the_same_records(tmp_path):
    seed = int(os.environ.get("PANNIER_SEED") or time.time())
    print(f"seed: {seed}")
    counts = pipeline_kills.run(KILLS, seed, tmp_path)
    assert counts["pipelines"] >= 1
