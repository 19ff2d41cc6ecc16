"Every notebook runs, with its tests: without the MNIST that `MNIST_NB_DATA` names, mostly on the sample, and with it in `make test-all`."

import multiprocessing
import os
import sys

import pytest
import torch
from conftest import ALL, ROOT
from nbdev.test import nbdev_test

NOTEBOOKS = sorted(p for p in (ROOT / 'nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts)


def is_slow(path):
    "Does it need Ray, or is it a study, which measures a little under test?"
    return '#| scale' in path.read_text() or ('research' in path.parts and path.stem != 'results')


MARKED = [pytest.param(p, marks=pytest.mark.slow) if is_slow(p) else p for p in NOTEBOOKS]
FRESH = multiprocessing.get_context('forkserver')
FRESH.set_forkserver_preload(['mnist_nb.cli', 'mnist_nb.all', 'nbdev.test', 'IPython'])  # seconds, once for all


def run(path, flags, log):
    "What `nbdev_test` does, in a process of its own that has its imports already."
    with open(log, 'w') as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(ROOT)
    os.environ.update(OMP_NUM_THREADS='1', TQDM_DISABLE='1')
    torch.set_num_threads(1)
    if not ALL:
        os.environ.pop('MNIST_NB_DATA', None)
    nbdev_test(str(path), flags)
    sys.stdout.flush()


@pytest.mark.parametrize('path', MARKED, ids=lambda p: str(p.relative_to(ROOT / 'nbs').with_suffix('')))
def test_notebook(path, tmp_path):
    process = FRESH.Process(
        target=run, args=(path, 'scale notest' if ALL else '', tmp_path / 'log')
    )  # the flags: on Ray; long
    process.start()
    process.join()
    said = (tmp_path / 'log').read_text()
    assert process.exitcode == 0 and 'Success' in said, said[-5000:]
