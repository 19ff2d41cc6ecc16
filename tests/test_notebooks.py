"Every notebook runs, with its tests, on whatever MNIST is at hand."

import os
import subprocess

import pytest
from conftest import ALL, ROOT

NOTEBOOKS = sorted(p for p in (ROOT / 'nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts)
MARKED = [pytest.param(p, marks=pytest.mark.slow) if '#| scale' in p.read_text() else p for p in NOTEBOOKS]  # on Ray


@pytest.mark.parametrize('path', MARKED, ids=lambda p: str(p.relative_to(ROOT / 'nbs').with_suffix('')))
def test_notebook(path):
    flags = ['--flags', 'scale'] if ALL else []  # cells that need a cluster
    one = {**os.environ, 'OMP_NUM_THREADS': '1', 'TQDM_DISABLE': '1'}
    done = subprocess.run(['nbdev_test', '--path', path, *flags], cwd=ROOT, env=one, capture_output=True, text=True)
    assert done.returncode == 0 and 'Success' in done.stdout, (done.stdout + done.stderr)[-5000:]
