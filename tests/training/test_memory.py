"""Freed memory stays with the process. Each case has a process of its own, as the setting cannot be taken back."""

import os
import platform
import subprocess
import sys

import pytest

CODE = """
import resource
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from car_recog.training.memory import keep_freed_memory

def faults(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        [np.ones(size * 2**20, np.uint8) for size in (30, 50, 100)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

done = keep_freed_memory()
with ThreadPoolExecutor(1) as pool:  # a thread has a heap of its own, and TensorFlow computes in threads
    for run in (faults, lambda times: pool.submit(faults, times).result()):
        run(2)
        print(done, run(20) / 20)
"""


def run(**environment: str) -> list[tuple[str, float]]:
    """Give whether the memory is kept, and page faults a round: in the first thread and in another."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env={**os.environ, **environment})
    return [(is_done, float(faults)) for is_done, faults in map(str.split, done.stdout.splitlines())]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_memory_that_was_freed_is_used_again_without_asking_the_system() -> None:
    rounds = run()

    assert [is_done for is_done, _ in rounds] == ["True", "True"]
    assert all(faults < 1000 for _, faults in rounds)  # 180 MiB are 46,080 pages


def test_limits_that_the_environment_sets_are_left_alone() -> None:
    assert {is_done for is_done, _ in run(MALLOC_TRIM_THRESHOLD_="131072")} == {"False"}
