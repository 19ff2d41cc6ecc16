import numpy as np
import pytest
import torch

from mnist_nb.data import CLASSES, make_digits

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
