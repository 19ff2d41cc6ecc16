"A run that is cut and resumed equals an unbroken one, bit for bit."

import os
import signal

import pytest
from conftest import ALL

import mnist_nb.train as room
from mnist_nb.models import CheckpointError
from mnist_nb.train import Interrupted, recipe, train

SETTINGS = dict(epochs=3, min_steps=0, batch_size=90, ema=0.9, precision='fp32', patience=3)
STEPS = 30  # 900 training images, 3 epochs


@pytest.fixture(scope='module', params=['improved', 'cnn'])
def unbroken(request, digits, tmp_path_factory):
    config = recipe(request.param, **SETTINGS)
    return config, train(config, digits, tmp_path_factory.mktemp('whole'), progress=False)


def cut_at(step, monkeypatch, signum):
    "Send ourselves a signal in the middle of a step."
    taken, original = [], room.train_step

    def counted(*args):
        taken.append(1)
        if len(taken) == step:
            os.kill(os.getpid(), signum)
        return original(*args)

    monkeypatch.setattr(room, 'train_step', counted)


@pytest.mark.parametrize('step', [1, 2, 5, 9, 10, 11, 15, 20, 21, 29] if ALL else [1, 9, 10, 21])
def test_resume_is_bit_identical(unbroken, digits, tmp_path, monkeypatch, step):
    config, whole = unbroken
    signum = signal.SIGINT if step % 2 else signal.SIGTERM
    with monkeypatch.context() as patch:
        cut_at(step, patch, signum)
        with pytest.raises(Interrupted, match='--resume') as stopped:
            train(config, digits, tmp_path, progress=False)
    assert stopped.value.signum == signum
    resumed = train(config, digits, tmp_path, resume=True, progress=False)
    for name, tensor in whole.model.state_dict().items():
        assert tensor.equal(resumed.model.state_dict()[name]), name
    for name, tensor in whole.last.state_dict().items():
        assert tensor.equal(resumed.last.state_dict()[name]), name
    without_time = [[{k: v for k, v in r.items() if k != 'seconds'} for r in run.history] for run in (whole, resumed)]
    assert without_time[0] == without_time[1]


def test_a_finished_run_resumes_to_itself(unbroken, digits):
    config, whole = unbroken
    again = train(config, digits, whole.checkpoint.parent, resume=True, progress=False)
    assert all(a.equal(b) for a, b in zip(whole.model.state_dict().values(), again.model.state_dict().values()))


def test_other_settings_and_other_data_are_refused(unbroken, digits):
    config, whole = unbroken
    with pytest.raises(CheckpointError, match='seed 0 -> 1'):
        train(recipe(config.arch, **SETTINGS, seed=1), digits, whole.checkpoint.parent, resume=True, progress=False)
    other = room.replace(digits, images=255 - digits.images)
    with pytest.raises(CheckpointError, match='other data'):
        train(config, other, whole.checkpoint.parent, resume=True, progress=False)
