import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from mnist_nb.data import CLASSES, load_mnist, make_digits

torch.set_num_threads(1)  # small work is faster so, and the suite's runs are compared bit for bit


@pytest.fixture(scope='session')
def digits():
    "A thousand pictures that can be learned: a bright bar whose place is the class, in noise."
    rng = np.random.default_rng(0)
    labels = np.arange(1000) % 10
    images = rng.integers(0, 60, (1000, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels):
        image[4:24, 2 + 2 * label : 5 + 2 * label] = 250
    return make_digits(images, labels, CLASSES['mnist'], 'bars', 'train', 'the test suite')


COMMAND = [sys.executable, '-c', 'from mnist_nb.cli import main; main()']


@contextmanager
def hosted(*words, shell=''):
    "`mnist-nb serve` in a process of its own, after a line for the shell if one is given: the process, and its port."
    command = [*COMMAND, 'serve', '--port', '0', '--access-log', 'none', *map(str, words)]
    command = ['sh', '-c', f'{shell}; exec "$@"', 'sh', *command] if shell else command
    with tempfile.TemporaryFile('w+') as log:
        process = subprocess.Popen(command, stderr=log, text=True)
        try:
            end, said = time.monotonic() + 60, ''
            while 'answering on' not in said:
                assert process.poll() is None and time.monotonic() < end, said
                time.sleep(0.02)
                log.seek(0)
                said = log.read()
            yield process, int(said.strip().rpartition(':')[2])
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


@pytest.fixture(scope='session')
def service():
    "The service, as it starts by itself."
    with hosted() as (process, port):
        yield process, port


@pytest.fixture(scope='session')
def pictures():
    "Real digits, uint8 `[n,28,28]`, that the shipped weights were not trained on where there is complete MNIST."
    return load_mnist('test').images[:, 0].numpy()
