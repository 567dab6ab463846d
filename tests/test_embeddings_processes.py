"""Processes that embed the same photos at once, and those that are killed, lose nothing."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from toy_features import KEYS, embed, features_of

from car_recog.embeddings import list_embeddings

SHARED = f"""
import sys, time
from pathlib import Path
import numpy as np
from car_recog import embeddings
from car_recog.storage import content_hash

embeddings._PACK_SECONDS = -1  # a pack for each chunk
root, mark, start = map(Path, sys.argv[1:4])
keys = [content_hash(bytes([number])) for number in range({len(KEYS)})]
cache = embeddings.FeatureCache("net", 3, root=root)

def features_of(places, keys=keys):
    return np.array([list(keys[place][:3]) for place in places], np.float32) / 7
"""


def start_process(tmp_path, code, number=0):
    mark = tmp_path / f"mark{number}"
    process = subprocess.Popen([sys.executable, "-c", SHARED + code, tmp_path / "cache", mark, tmp_path / "start", str(number)])
    return process, mark


def wait_for(mark, process):
    while not mark.exists() and process.poll() is None:
        time.sleep(0.01)
    assert mark.exists()


def test_processes_that_add_the_same_and_other_photos_at_once_lose_nothing(tmp_path):
    code = """
number = int(sys.argv[4])
mark.touch()
while not start.exists(): time.sleep(0.001)
for first in range(4 * number, 4 * number + 12):  # 0 to 15 and 4 to 19: packs of one to four photos, merged by both
    wanted = keys[first : first + 5]
    features = cache.embed(wanted, lambda places: features_of(places, wanted), chunk_size=1)
    assert np.array_equal(features, features_of(range(len(wanted)), wanted))
"""
    runs = [start_process(tmp_path, code, number) for number in range(2)]
    for process, mark in runs:
        wait_for(mark, process)
    (tmp_path / "start").touch()
    codes = [process.wait(60) for process, _ in runs]

    features, chunks = embed(tmp_path / "cache", KEYS)

    assert codes == [0, 0]
    assert np.array_equal(features, features_of(KEYS)) and chunks == []
    assert list_embeddings(tmp_path / "cache")[0].n_photos == 20


COMPUTING = """
def compute(places):
    if 12 in places:
        mark.touch()
        time.sleep(60)
    return features_of(places)
cache.embed(keys, compute, chunk_size=4)
"""
WRITING = """
save = np.save
def save_slowly(path, values, **options):
    if 12 in started:  # rows are there, and those of finished chunks in them; keys are not
        mark.touch()
        time.sleep(60)
    save(path, values, **options)
np.save = save_slowly
started = set()
def compute(places):
    started.update(places.tolist())
    return features_of(places)
cache.embed(keys, compute, chunk_size=4)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("code", [COMPUTING, WRITING], ids=["computing", "writing"])
def test_a_run_that_is_killed_leaves_what_was_finished_and_the_next_completes_it(tmp_path, code):
    process, mark = start_process(tmp_path, code)
    wait_for(mark, process)
    process.send_signal(signal.SIGKILL)
    process.wait(60)

    features, chunks = embed(tmp_path / "cache", KEYS)

    assert np.array_equal(features, features_of(KEYS)) and chunks == [list(range(12, 20))]
    assert embed(tmp_path / "cache", KEYS)[1] == []
