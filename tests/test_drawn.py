"Learning from what other processes draw: a run, its end, and what is left of it when it is killed."

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

RUN = """
import sys
from dataclasses import replace
from pathlib import Path
from mnist_nb.training.drawn import train_drawn
from mnist_nb.training.lines import LINES

epochs, folder, resume = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] == ['resume']
config = replace(LINES.config, epochs=epochs, batch_size=8)
if __name__ == '__main__':
    train_drawn(replace(LINES, writers=60, steps=8), config, folder, resume=resume)
"""


def start(folder, *words):
    "Start a run of the small script."
    script = folder / 'run.py'
    script.write_text(RUN)
    return subprocess.Popen([sys.executable, script, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def children(pid):
    "Processes that a process has started and that still run, with their own."
    own = Path(f'/proc/{pid}/task/{pid}/children').read_text().split()
    return [int(p) for p in own] + [q for p in own for q in children(p)]


def runs(pid):
    "Is it there, and no zombie?"
    status = Path(f'/proc/{pid}/stat')
    return status.exists() and status.read_text().rpartition(')')[2].split()[0] != 'Z'


@pytest.mark.slow
def test_a_run_ends_and_is_not_repeated(tmp_path):
    folder = tmp_path / 'run'
    for words in ((), ('resume',)):
        process = start(tmp_path, '2', str(folder), *words)
        said = process.communicate(timeout=300)
        assert process.returncode == 0, said[1].decode()[-2000:]
    rows = [json.loads(line) for line in (folder / 'history.jsonl').read_text().splitlines()]
    assert [row['epoch'] for row in rows] == [1, 2] and 'valid_accuracy' in rows[0]
    assert (folder / 'lines.onnx').exists()


def test_who_draws_ends_with_who_learns(tmp_path):
    folder = tmp_path / 'run'
    process = start(tmp_path, '100000', str(folder))
    for _ in range(600):
        if (folder / 'history.jsonl').exists():
            break
        assert process.poll() is None, process.stderr.read().decode()[-2000:]
        time.sleep(0.5)
    helpers = children(process.pid)
    process.kill()
    process.wait()
    for _ in range(40):
        if not any(map(runs, helpers)):
            break
        time.sleep(0.5)
    assert helpers and not any(map(runs, helpers))
