"`mnist-nb` as a process: exit codes, streams, signals, and the commands of the README."

import json
import os
import shlex
import signal
import subprocess
import sys

import pytest
from conftest import COMMAND

SAMPLE = ['--dataset', 'mnist-sample']


def call(line, cwd, *more, **settings):
    words = shlex.split(line)
    assert words[0] == 'mnist-nb'
    return subprocess.run(
        COMMAND + words[1:] + list(more), cwd=cwd, capture_output=True, text=True, env={**os.environ, **settings}
    )


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    "A folder where the README's first commands were run, on the sample."
    path = tmp_path_factory.mktemp('user')
    run = call('mnist-nb train --arch improved --learning_rate 0.001 --epochs 10 --batch_size 64 --cpu', path, *SAMPLE)
    assert run.returncode == 0, run.stderr
    assert 'models/best_model.safetensors' in run.stdout
    run = call('mnist-nb extract', path, *SAMPLE)
    assert run.returncode == 0, run.stderr
    return path


def test_gpu_that_is_not_there(tmp_path):
    import torch

    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip('there is a GPU here')
    run = call('mnist-nb train --arch improved --epochs 10 --gpu', tmp_path)
    assert run.returncode == 2 and 'no GPU' in run.stderr and len(run.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_the_lines_of_the_readme(folder):
    assert (folder / 'test_images' / 'digit_7_sample_0.png').exists()
    line = 'mnist-nb predict --image test_images/digit_0_sample_3.png --model models/best_model.safetensors --top_k 3 --confidence --cpu'
    run = call(line, folder)
    assert (
        run.returncode == 0
        and run.stdout.startswith('test_images/digit_0_sample_3.png: ')
        and run.stdout.count('%') == 3
    )
    run = call('mnist-nb eval --model models/best_model.safetensors --json', folder)
    score = json.loads(run.stdout)
    fields = [
        'dataset',
        'test_images',
        'accuracy',
        'accuracy_low',
        'accuracy_high',
        'precision',
        'recall',
        'f1',
        'nll',
        'ece',
        'confusion',
    ]
    assert run.returncode == 0 and all(field in score for field in fields) and score['accuracy'] > 0.9
    run = call(
        'mnist-nb optimize --model models/best_model.safetensors --output models/optimized_model.onnx --quantize',
        folder,
    )
    assert run.returncode == 0 and (folder / 'models' / 'optimized_model.onnx').exists()
    run = call('mnist-nb predict --image test_images --model models/optimized_model.onnx --json', folder)
    assert run.returncode == 0 and len(json.loads(run.stdout)) == 50


def test_prediction_needs_no_training_no_data_and_no_torch(folder, tmp_path):
    code = f"""
import sys
sys.modules['torch'] = None # importing it now fails
sys.modules['matplotlib'] = None
from mnist_nb.cli import main
main(['predict', '--image', {str(folder / 'test_images')!r}, '--json'])
"""
    run = subprocess.run(
        [sys.executable, '-c', code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, 'MNIST_NB_DATA': '/nowhere'},
    )
    assert run.returncode == 0, run.stderr
    answers = json.loads(run.stdout)
    assert sum(f'digit_{a["digit"]}_' in a['path'] for a in answers) >= 48


def test_shipped_weights_are_not_scored_on_their_own_training_images(tmp_path):
    run = call('mnist-nb eval --json', tmp_path, *SAMPLE)
    assert (
        run.returncode == 2
        and run.stdout == ''
        and 'a score would mean nothing' in run.stderr
        and len(run.stderr.splitlines()) == 1
    )


@pytest.mark.parametrize(('signum', 'code'), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_and_resumed(tmp_path, signum, code):
    words = ['train', '--arch', 'base', '--epochs', '6', '--cpu', '--json', *SAMPLE]
    with subprocess.Popen(
        COMMAND + words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        for line in run.stderr:
            if line.startswith('epoch 2,'):
                run.send_signal(signum)
                break
        out, err = run.communicate(timeout=60)
    assert run.returncode == code and out == '' and '--resume --save_dir models' in err and 'Traceback' not in err
    resumed = call('mnist-nb train --resume --json', tmp_path, *SAMPLE)
    assert resumed.returncode == 0, resumed.stderr
    report = json.loads(resumed.stdout)
    fields = [
        'arch',
        'parameters',
        'seed',
        'epochs',
        'dataset',
        'train_images',
        'valid_accuracy',
        'train_seconds',
        'images_per_second',
        'checkpoint',
    ]
    assert all(field in report for field in fields) and report['epochs'] == 6
    assert (tmp_path / 'models' / 'history.png').exists()


def test_tensorboard(tmp_path):
    run = call('mnist-nb train --arch base --epochs 1 --tensorboard', tmp_path, *SAMPLE)
    assert run.returncode == 0, run.stderr
    assert list((tmp_path / 'models' / 'tensorboard').glob('events.out.tfevents*'))


def test_debug_shows_the_traceback(tmp_path):
    assert 'Traceback' in call('mnist-nb eval --model none.safetensors --debug', tmp_path).stderr
