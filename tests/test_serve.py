"The service as the network sees it: load, abuse, clients that leave, and its end."

import base64
import contextlib
import http.client
import io
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import COMMAND, hosted
from PIL import Image

from mnist_nb.predict import Predictor


def png(picture):
    "The bytes of a PNG file."
    out = io.BytesIO()
    Image.fromarray(picture).save(out, 'PNG')
    return out.getvalue()


def post(connection, path, body, kind):
    "Ask on a connection that stays open."
    connection.request('POST', path, body, {'Content-Type': kind})
    response = connection.getresponse()
    return response, json.loads(response.read())


def metric(port, line):
    "A number that Prometheus would be told."
    text = urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics', timeout=10).read().decode()
    return float(next(row.rpartition(' ')[2] for row in text.splitlines() if row.startswith(line)))


def memory(pid):
    "Resident bytes."
    return int(Path(f'/proc/{pid}/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def test_ten_thousand_pictures_get_their_own_answers(service, pictures):
    _, port = service
    pictures = np.resize(pictures, (10_000, 28, 28))
    alone = Predictor('robust', threads=1)(pictures)
    rng, spans, at = random.Random(0), [], 0
    while at < len(pictures):
        spans.append((at, min(len(pictures), at + rng.choice([1, 1, 1, 2, 5, 64, 200]))))
        at = spans[-1][1]
    rng.shuffle(spans)

    def ask(part):
        connection, found = http.client.HTTPConnection('127.0.0.1', port, timeout=60), []
        for start, stop in part:
            some = pictures[start:stop]
            if stop - start == 1 and start % 2:
                response, answer = post(connection, '/predict?top_k=10', png(some[0]), 'image/png')
                answers = [answer]
            elif stop - start <= 64 and start % 2:
                listed = json.dumps([{'image': base64.b64encode(png(x)).decode()} for x in some])
                response, answers = post(connection, '/predict?top_k=10', listed, 'application/json')
            else:
                response, answers = post(
                    connection, '/predict/pixels?top_k=10', some.tobytes(), 'application/octet-stream'
                )
            assert response.status == 200, answers
            found += zip(range(start, stop), answers)
        return found

    with ThreadPoolExecutor(24) as threads:
        found = [pair for part in threads.map(ask, [spans[i::24] for i in range(24)]) for pair in part]
    assert sorted(i for i, _ in found) == list(range(10_000))
    answered = np.zeros_like(alone)
    for i, answer in found:
        for digit, probability in answer['top_k']:
            answered[i, digit] = probability
    assert np.abs(answered - alone).max() < 1e-4
    assert (answered.argmax(1) == alone.argmax(1)).all()


HEAD = b'POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n'
ABUSES = {
    'half a head, then silence': [b'POST /predict HT'],
    'half a head, then gone': [b'POST /predict HTTP/1.1\r\nHo', None],
    'huge head': [b'GET / HTTP/1.1\r\n'] + [b'x: ' + 4000 * b'y' + b'\r\n'] * 20,
    'no HTTP': [b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + os.urandom(200)],
    'fewer bytes than said, then silence': [HEAD + b'Content-Length: 1000\r\n\r\n' + b'x' * 10],
    'fewer bytes than said, then gone': [HEAD + b'Content-Length: 1000\r\n\r\n' + b'x' * 10, None],
    'more bytes than said': [HEAD + b'Content-Length: 3\r\n\r\n' + b'x' * 5000],
    'two lengths': [HEAD + b'Content-Length: 3\r\nContent-Length: 7\r\n\r\nxxxxxxx'],
    'negative length': [HEAD + b'Content-Length: -1\r\n\r\n'],
    'length and chunks': [HEAD + b'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n'],
    'chunks of a byte': [HEAD + b'Transfer-Encoding: chunked\r\n\r\n'] + [b'1\r\nx\r\n'] * 50 + [b'0\r\n\r\n'],
    'chunks without end': [HEAD + b'Transfer-Encoding: chunked\r\n\r\n'] + [b'1\r\nx\r\n'] * 50,
    'no chunk': [HEAD + b'Transfer-Encoding: chunked\r\n\r\nzz\r\n'],
    'half closed': [HEAD + b'Content-Length: 3\r\n\r\nxxx', 'half'],
    'many at once': [b'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n' * 50],
}


def abuse(port, parts):
    "Send parts, and return the first line of what comes back, if anything does."
    with socket.create_connection(('127.0.0.1', port), timeout=3) as s:
        try:
            for part in parts:
                if part is None:
                    return b''
                if part == 'half':
                    s.shutdown(socket.SHUT_WR)
                else:
                    s.sendall(part)
                    time.sleep(0.002)
            return s.recv(4096).split(b'\r\n')[0]
        except (TimeoutError, ConnectionError):
            return b''


def test_three_hundred_abuses_leave_others_served(pictures):
    with hosted('--deadline', 2) as (process, port):
        stop, times, failures, body = threading.Event(), [], [], png(pictures[0])

        def well_behaved():
            connection = http.client.HTTPConnection('127.0.0.1', port, timeout=10)
            while not stop.is_set():
                start = time.monotonic()
                response, answer = post(connection, '/predict', body, 'image/png')
                times.append(time.monotonic() - start)
                if response.status != 200:
                    failures.append(answer)

        with ThreadPoolExecutor(64) as threads:
            others = [threads.submit(well_behaved) for _ in range(4)]
            lines = list(threads.map(lambda i: abuse(port, list(ABUSES.values())[i % len(ABUSES)]), range(300)))
            stop.set()
            [other.result() for other in others]
        assert len(times) > 100 and not failures and np.percentile(times, 99) < 1, (len(times), failures[:3])
        said = dict(zip(ABUSES, lines))
        assert said['no HTTP'].startswith(b'HTTP/1.1 400') and said['huge head'].startswith(b'HTTP/1.1 431'), said
        assert b' 5' not in b''.join(line[8:11] for line in lines), said
        assert said['fewer bytes than said, then silence'].startswith(b'HTTP/1.1 408'), said
        assert said['chunks of a byte'].startswith(b'HTTP/1.1 422'), said
        assert process.poll() is None


LINUX = pytest.mark.skipif(not Path('/proc/self/fd').exists(), reason='looks into /proc')


@LINUX
def test_a_thousand_clients_that_leave_cost_nothing(service):
    process, port = service
    large = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (1500, 1500), dtype=np.uint8)).save(large, 'JPEG')
    body = large.getvalue()
    head = HEAD + f'Content-Length: {len(body)}\r\n\r\n'.encode()

    def leave(i):
        with socket.create_connection(('127.0.0.1', port), timeout=10) as s, contextlib.suppress(ConnectionError):
            s.sendall(head + (body[:1000] if i % 2 else body))

    def settled():
        end = time.monotonic() + 30
        while metric(port, 'mnist_nb_active_requests') > 1 and time.monotonic() < end:  # the one that asks is one
            time.sleep(0.1)
        return len(os.listdir(f'/proc/{process.pid}/fd')), memory(process.pid)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(leave, range(200)))  # what is needed anyway is there after these
        files, before = settled()
        list(threads.map(leave, range(1000)))
        files_after, after = settled()
    assert metric(port, 'mnist_nb_active_requests') <= 1
    assert files_after <= files + 5 and after < before + 30e6, (files, files_after, before / 1e6, after / 1e6)


def load_until_refused(port, body, asked, lost):
    "Ask until nobody listens any more; what was sent and got no answer is lost."
    connection = None
    while True:
        if connection is None:
            connection = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
            try:
                connection.connect()
            except OSError:
                return
        try:
            response, _ = post(connection, '/predict/pixels', body, 'application/octet-stream')
            asked.append(response.status)
            if response.headers.get('connection') == 'close':
                connection = None
        except Exception as e:
            lost.append(repr(e))
            return


@pytest.mark.parametrize('workers', [1, 2])
def test_sigterm_loses_no_accepted_request(pictures, workers):
    asked, lost = [], []
    for _ in range(20 if workers == 1 else 3):
        with (
            hosted('--model', 'fast', '--drain', 0.3, '--workers', workers) as (process, port),
            ThreadPoolExecutor(8) as threads,
        ):
            time.sleep(2 * (workers - 1))
            for _ in range(8):
                threads.submit(load_until_refused, port, pictures[:20].tobytes(), asked, lost)
            time.sleep(random.uniform(0.1, 0.4))
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
    assert not lost and len(asked) > 500 and set(asked) == {200}, (len(asked), lost[:5])


@LINUX
def test_start_to_ready_and_memory(service):
    process, port = service
    assert urllib.request.urlopen(f'http://127.0.0.1:{port}/readyz', timeout=10).status == 200
    assert memory(process.pid) < 400e6


def test_nobody_else_can_ask_by_default(service):
    _, port = service
    own = socket.gethostbyname(socket.gethostname())
    if own.startswith('127.'):
        pytest.skip('this machine has no address of its own')
    with pytest.raises(OSError):
        socket.create_connection((own, port), timeout=2)


def test_mistakes_cost_a_line(service):
    _, port = service
    for words, said in {
        ('--port', port): 'address already in use',
        ('--model', 'no_such.onnx'): 'no such model file',
        ('--access-log', 'yaml'): 'choose one of',
        ('--port', port, '--workers', 2): 'address already in use',
    }.items():
        command = [*COMMAND, 'serve', *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and said in done.stderr.lower() and done.stderr.count('\n') == 1, done.stderr
