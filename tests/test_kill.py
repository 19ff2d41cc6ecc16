"`kill -9` at any moment loses nothing: what is on disk loads, and the run can go on to the same end."

import builtins
import os
import random
import signal
import time

import pytest
import torch
from conftest import ALL

from mnist_nb.models import CheckpointError, load_weights
from mnist_nb.train import recipe, train
from mnist_nb.training.run import _read_state

CONFIG = recipe('base', epochs=4, min_steps=0, batch_size=90, patience=4, precision='fp32')


def in_child(work):
    "Do something in a forked process, and return its number."
    pid = os.fork()
    if pid == 0:
        try:
            torch.set_num_threads(1)
            work()
        finally:
            os._exit(0)
    return pid


@pytest.fixture(scope='module')
def whole(digits, tmp_path_factory):
    return train(CONFIG, digits, tmp_path_factory.mktemp('whole'), progress=False)


def check(folder, digits, whole):
    "What lies in the folder is whole, and leads to the same weights."
    if (folder / 'best_model.safetensors').exists():
        load_weights(folder / 'best_model.safetensors', arch='base')
    try:
        _read_state(folder / 'last_state.safetensors')
    except CheckpointError as e:
        assert 'nothing to resume' in str(e)  # killed before the first checkpoint
        return False
    resumed = train(CONFIG, digits, folder, resume=True, progress=False)
    assert all(a.equal(b) for a, b in zip(whole.model.state_dict().values(), resumed.model.state_dict().values()))
    return True


def test_kill_at_random_times(digits, whole, tmp_path):
    rng, resumed = random.Random(0), 0
    start = time.perf_counter()
    os.waitpid(in_child(lambda: train(CONFIG, digits, tmp_path / 'timed', progress=False)), 0)
    length = time.perf_counter() - start
    for i in range(20 if ALL else 4):
        folder = tmp_path / str(i)
        pid = in_child(lambda folder=folder: train(CONFIG, digits, folder, progress=False))
        time.sleep(rng.uniform(0.05, 1) * length)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        if folder.exists():
            resumed += check(folder, digits, whole)
    assert resumed >= (5 if ALL else 1)  # most of the kills hit after the first epoch


# of `write_atomic`, in order; create: its temporary file; open: the folder, to sync it
STEPS = ['create', 'fsync', 'replace', 'open']


@pytest.mark.parametrize('moment', range(8 if ALL else 3))
@pytest.mark.parametrize('step', STEPS)
def test_kill_after_each_step_of_a_write(digits, whole, tmp_path, step, moment):
    def work():
        owner, name = (builtins, 'open') if step == 'create' else (os, step)
        original, calls = getattr(owner, name), []

        def fatal(*args, **kwargs):
            result = original(*args, **kwargs)
            ours = {'create': 'xb' in args, 'open': str(args[0]) == str(tmp_path)}.get(step, True)
            calls.extend([1] * ours)
            if len(calls) > moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(owner, name, fatal)
        train(CONFIG, digits, tmp_path, progress=False)

    _, status = os.waitpid(in_child(work), 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    check(tmp_path, digits, whole)
