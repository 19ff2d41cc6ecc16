"Whatever bytes come as a picture: an answer, or an `ImageError`."

import io
import random
import warnings

import numpy as np
from conftest import ALL
from PIL import Image

from mnist_nb.predict import Prediction, predict
from mnist_nb.reading.picture import ImageError

FORMATS = ['PNG', 'JPEG', 'GIF', 'BMP', 'TIFF', 'WEBP', 'PPM']


def picture(rng):
    "A bright blob on black, or the other way round, in some mode and size."
    size = rng.randint(5, 90), rng.randint(5, 90)
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[size[1] // 4 : size[1] // 2 + 1, size[0] // 3 : size[0] // 2 + 1] = [rng.randint(100, 255) for _ in range(3)]
    return Image.fromarray(255 - pixels if rng.random() < 0.5 else pixels)


def mutate(data, rng):
    "Damage some bytes, cut, double or insert a piece."
    data = bytearray(data)
    for _ in range(rng.randint(1, 12)):
        place = rng.randrange(len(data))
        kind = rng.randrange(4)
        if kind == 0:
            data[place] = rng.randrange(256)
        elif kind == 1:
            data[place] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del data[place : place + rng.randint(1, 20)]
        else:
            data[place:place] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 8)))
        if not data:
            data = bytearray(b'\0')
    return bytes(data)


def test_mutated_pictures():
    rng, answered, refused = random.Random(0), 0, 0
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # Pillow's, about damaged tags
        for i in range(1000 if ALL else 200):
            out = io.BytesIO()
            picture(rng).save(out, FORMATS[i % len(FORMATS)])
            try:
                (answer,) = predict(mutate(out.getvalue(), rng))
                assert isinstance(answer, Prediction) and answer.digit in range(10)
                answered += 1
            except ImageError as e:
                assert len(str(e).splitlines()) == 1, str(e)
                refused += 1
    assert min(answered, refused) > 30, (answered, refused)


def test_unmutated_pictures_are_answered():
    rng = random.Random(1)
    for name in FORMATS:
        out = io.BytesIO()
        picture(rng).save(out, name)
        assert len(predict(out.getvalue())) == 1
