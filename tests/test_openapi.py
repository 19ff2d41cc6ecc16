"What the service says it accepts and answers, held against what it does: schemathesis asks everything that the OpenAPI document allows, and much that it forbids."

import io
from base64 import b64encode

import numpy as np
import pytest
import schemathesis
from conftest import ALL, hosted
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from schemathesis import GenerationMode

CASES = 250 if ALL else 25  # an operation


def encoded(seed, side, format):
    "A picture's file."
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)
    Image.fromarray(pixels).save(out, format)
    return out.getvalue()


def files(*formats):
    "Pictures of chance."
    return st.builds(encoded, st.integers(0, 99), st.integers(4, 40), st.sampled_from(formats))


for kind in ('png', 'jpeg', 'webp'):
    schemathesis.openapi.media_type(f'image/{kind}', files(kind.upper()))
schemathesis.openapi.media_type('application/octet-stream', files('PNG', 'BMP'))
schemathesis.openapi.format('byte', files('PNG').map(lambda file: b64encode(file).decode()))
schemathesis.openapi.format('binary', files('PNG', 'JPEG'))


@schemathesis.hook
def map_body(context, body):
    "Bare pixels are no file."
    if context.operation.path == '/predict/pixels' and isinstance(body, bytes):
        return body.ljust(784, b'x')[: len(body) // 784 * 784 or 784]
    return body


@pytest.fixture(scope='module')
def api():
    with hosted('--model', 'fast') as (_, port):
        yield schemathesis.openapi.from_url(f'http://127.0.0.1:{port}/openapi.json')


OPERATIONS = {
    '/predict': 'POST',
    '/predict/pixels': 'POST',
    '/read': 'POST',
    '/explain': 'POST',
    '/healthz': 'GET',
    '/readyz': 'GET',
    '/info': 'GET',
    '/metrics': 'GET',
}


def test_all_operations_are_asked(api):
    assert {path: method.upper() for path in api for method in api[path]} == OPERATIONS


def is_sent(value):
    "Does a form hold anything of a value? Nothing, and lists of nothing, are left out when it is written."
    if isinstance(value, (list, dict)):
        return any(map(is_sent, value.values() if isinstance(value, dict) else value))
    return value is not None


BOTH = [(path, mode) for path in OPERATIONS for mode in GenerationMode]


@pytest.mark.parametrize(
    ('path', 'mode'), [(p, m) for p, m in BOTH if OPERATIONS[p] == 'POST' or m == GenerationMode.POSITIVE]
)  # a GET has nothing that could be wrong
def test_service_keeps_its_word(api, path, mode):
    operation = api[path][OPERATIONS[path]]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
    )
    def ask(case):
        if isinstance(case.body, dict) and case.media_type == 'multipart/form-data':
            assume(all(map(is_sent, case.body.values())))  # else what is sent is not what was made up
        case.call_and_validate()

    ask()
