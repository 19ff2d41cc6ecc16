"The service as the network sees it: load, abuse, clients that leave, and its end."

import base64
import contextlib
import http.client
import io
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import ALL, COMMAND, hosted
from PIL import Image

from mnist_nb.predict import Predictor

LINUX_HERE = Path('/proc/self/fd').exists()
LINUX = pytest.mark.skipif(not LINUX_HERE, reason='looks into /proc')


def two_headed():
    "A PNG file that says first that it is small, and then that it is large."
    small, large = (
        kind + struct.pack('>IIBBBBB', side, side, 8, 0, 0, 0, 0) for kind, side in ((b'IHDR', 28), (b'IHDR', 6000))
    )
    chunks = [struct.pack('>I', 13) + head + struct.pack('>I', zlib.crc32(head)) for head in (small, large)]
    return b'\x89PNG\r\n\x1a\n' + b''.join(chunks)


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
GONE, CLOSED, LONG = {b''}, {b'', b'408'}, b'1\r\nx\r\n'
ABUSES = {  # what is sent, and with which status it may be answered, if at all
    'half a head, then silence': ([b'POST /predict HT'], GONE),
    'half a head, then gone': ([b'POST /predict HTTP/1.1\r\nHo', None], GONE),
    'huge head': ([b'GET / HTTP/1.1\r\n'] + [b'x: ' + 4000 * b'y' + b'\r\n'] * 20, {b'431', b'400'}),
    'huge head at once': ([b'GET / HTTP/1.1\r\nx: ' + 60_000 * b'y' + b'\r\n\r\n'], {b'431', b'400'}),
    'nonsense after a question': ([b'HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGARBAGE \0\r\n\r\n'], {b'200', b'400'}),
    'no HTTP': ([b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(range(200))], {b'400'}),
    'fewer bytes than said, then silence': ([HEAD + b'Content-Length: 1000\r\n\r\n' + b'x' * 10], {b'408'}),
    'fewer bytes than said, then gone': ([HEAD + b'Content-Length: 1000\r\n\r\n' + b'x' * 10, None], GONE),
    'more bytes than said': ([HEAD + b'Content-Length: 3\r\n\r\n' + b'x' * 5000], {b'422', b'400'}),
    'two lengths': ([HEAD + b'Content-Length: 3\r\nContent-Length: 7\r\n\r\nxxxxxxx'], {b'400'}),
    'negative length': ([HEAD + b'Content-Length: -1\r\n\r\n'], {b'400'}),
    'length and chunks': (
        [HEAD + b'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n'],
        {b'400', b'422'},
    ),
    'chunks of a byte': ([HEAD + b'Transfer-Encoding: chunked\r\n\r\n', *[LONG] * 50, b'0\r\n\r\n'], {b'422'}),
    'chunks without end': ([HEAD + b'Transfer-Encoding: chunked\r\n\r\n', *[LONG] * 50], {b'408'}),
    'no chunk': ([HEAD + b'Transfer-Encoding: chunked\r\n\r\nzz\r\n'], {b'400'}),
    'half closed': ([HEAD + b'Content-Length: 3\r\n\r\nxxx', 'half'], {b'422', b''}),
    'many at once': ([b'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n' * 50], {b'200', b'400'}),
    'a body where there is none': ([b'GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n', b'x'], {b'200'}),
    'two heads of a picture': (
        [HEAD + b'Content-Length: 2000\r\n\r\n' + two_headed().ljust(2000, b'\0')],
        {b'422', b'413'},
    ),
}


def abuse(port, parts):
    "Send parts, and return the status that comes back, if any does."
    with socket.create_connection(('127.0.0.1', port), timeout=5) as s:
        try:
            for part in parts:
                if part is None:
                    return b''
                if part == 'half':
                    s.shutdown(socket.SHUT_WR)
                else:
                    s.sendall(part)
                    time.sleep(0.002)
        except ConnectionError:
            pass  # an answer may have come all the same
        try:
            return s.recv(4096)[9:12]
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

        names = [list(ABUSES)[i % len(ABUSES)] for i in range(300)]
        with ThreadPoolExecutor(64) as threads:
            others = [threads.submit(well_behaved) for _ in range(4)]
            said = list(threads.map(lambda name: abuse(port, ABUSES[name][0]), names))
            stop.set()
            [other.result() for other in others]
        assert len(times) > 100 and not failures and np.percentile(times, 99) < 1, (len(times), failures[:3])
        assert not [(name, status) for name, status in zip(names, said) if status not in ABUSES[name][1]]
        assert process.poll() is None and metric(port, 'mnist_nb_active_requests') <= 1


def test_trailers_without_end_are_not_kept(service):
    "What follows the last chunk is bounded like a head."
    process, port = service
    before = memory(process.pid) if LINUX_HERE else 0
    with socket.create_connection(('127.0.0.1', port), timeout=10) as s, contextlib.suppress(ConnectionError):
        s.sendall(HEAD + b'Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n')
        for i in range(2_000):  # 20 MB
            s.sendall(b'x%d: ' % i + 10_000 * b'y' + b'\r\n')
    assert not LINUX_HERE or memory(process.pid) < before + 20e6


def test_upgrade_smuggles_nothing(service):
    "A body behind an Upgrade is a body, and no further request."
    _, port = service
    hidden = b'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'
    for kind in (b'h2c', b'websocket'):
        head = HEAD + b'Connection: Upgrade\r\nUpgrade: %s\r\nContent-Length: %d\r\n\r\n' % (kind, len(hidden))
        with socket.create_connection(('127.0.0.1', port), timeout=2) as s:
            s.sendall(head + hidden)
            said = b''
            with contextlib.suppress(TimeoutError, ConnectionError):
                while part := s.recv(65536):
                    said += part
        assert said.count(b'HTTP/1.1 ') == 1 and b'alive' not in said, said


@LINUX
def test_json_of_a_million_keys_is_refused_cheaply(service):
    process, port = service
    body = b'{%s}' % b','.join(b'"%d":1' % i for i in range(800_000))
    before, start = memory(process.pid), time.monotonic()
    for _ in range(5):
        response, answer = post(
            http.client.HTTPConnection('127.0.0.1', port, timeout=20), '/predict', body, 'application/json'
        )
        assert response.status == 422 and 'too many' in answer['detail']
    assert memory(process.pid) < before + 100e6 and time.monotonic() - start < 10


@LINUX
def test_a_thousand_idle_connections_leave_room_for_others(pictures):
    "Also where a shell allows 1,024 open files."
    with hosted('--model', 'fast', shell='ulimit -Sn 1024') as (_, port):
        idle = [socket.create_connection(('127.0.0.1', port), timeout=10) for _ in range(1000)]
        connection = http.client.HTTPConnection('127.0.0.1', port, timeout=10)
        assert post(connection, '/predict', png(pictures[0]), 'image/png')[0].status == 200
        for s in idle:
            s.close()


NGINX = shutil.which('nginx') or ('/usr/sbin/nginx' if Path('/usr/sbin/nginx').exists() else None)


@pytest.mark.skipif(not NGINX, reason='no nginx; on Debian: apt install nginx-light')
def test_proxy_holds_off_what_says_nothing(pictures, tmp_path):
    "nginx.conf as it is, with other ports and less patience."
    with hosted('--model', 'fast') as (_, port), socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        front = free.getsockname()[1]
        free.close()
        text = (
            (Path(__file__).parent.parent / 'deploy' / 'nginx.conf')
            .read_text()
            .replace('127.0.0.1:8080', f'127.0.0.1:{port}')
        )
        text = text.replace('127.0.0.1:8000', f'127.0.0.1:{front}').replace('timeout 10s', 'timeout 3s')
        (tmp_path / 'nginx.conf').write_text(
            text.replace('/tmp/mnist-nb', f'{tmp_path}/x').replace('keepalive_timeout 20s', 'keepalive_timeout 1s')
        )
        command = [NGINX, '-c', tmp_path / 'nginx.conf', '-g', 'daemon off;']
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as proxy:
            try:
                for _ in range(100):
                    with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', front), timeout=1):
                        break
                    time.sleep(0.05)
                response, _ = post(
                    http.client.HTTPConnection('127.0.0.1', front), '/predict', png(pictures[0]), 'image/png'
                )
                assert response.status == 200
                mute = socket.create_connection(('127.0.0.1', front), timeout=5)  # says nothing
                slow = socket.create_connection(('127.0.0.1', front), timeout=5)  # half a head
                slow.sendall(b'POST /predict HTTP/1.1\r\nHo')
                body = socket.create_connection(('127.0.0.1', front), timeout=5)  # half a body
                body.sendall(HEAD + b'Content-Length: 1000\r\n\r\nx')
                for s in (mute, slow, body):
                    assert s.recv(4096)[9:12] in (b'', b'408')
                    s.close()
                crowd = [socket.create_connection(('127.0.0.1', front), timeout=20) for _ in range(70)]
                for s in crowd:  # a request that waits for its body counts until its patience is over
                    s.sendall(HEAD + b'Content-Length: 1000\r\n\r\nx')
                statuses = [s.recv(4096)[9:12] for s in crowd]
                assert statuses.count(b'429') == 6 and set(statuses) <= {b'', b'408', b'429'}
                for s in crowd:
                    s.close()
            finally:
                proxy.terminate()


def test_refused_connections_end_and_hold_up_nothing(pictures):
    "What is refused closes soon, and the end of the service is as good as without it."
    with hosted('--drain', 0.2) as (process, port):
        with socket.create_connection(('127.0.0.1', port), timeout=10) as s:
            s.sendall(b'HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
            s.shutdown(socket.SHUT_WR)  # what was asked before is answered
            assert s.recv(4096).startswith(b'HTTP/1.1 200')
        refused = [socket.create_connection(('127.0.0.1', port), timeout=10) for _ in range(3)]
        for s, wrong in zip(
            refused, (b'HEAD / HTTP/1.1\r\nHost: x\r\n\r\n', HEAD + b'Expect: 100-continue\r\n\r\n', b'')
        ):
            s.sendall(wrong + b'GARBAGE \0\r\n\r\n')
        time.sleep(0.2)
        with socket.create_connection(('127.0.0.1', port), timeout=10) as slow:
            slow.sendall(HEAD + b'Content-Length: 3\r\nConnection: close\r\n\r\nx')
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            slow.sendall(b'xx')
            assert slow.recv(4096).startswith(b'HTTP/1.1 422')
        assert process.wait(20) == 0
        for s in refused:
            with contextlib.suppress(ConnectionError):
                while s.recv(4096):
                    pass
            s.close()


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
        rounds = [settled()]
        for _ in range(5 if ALL else 3):
            list(threads.map(leave, range(1000 if ALL else 200)))
            rounds.append(settled())
    assert metric(port, 'mnist_nb_active_requests') <= 1
    text = urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics', timeout=10).read().decode()
    assert 'status="499"' in text and 'status="500"' not in text
    files, sizes = zip(*rounds)
    assert files[-1] <= files[0] + 5, files
    # An allocator keeps and returns an arena of 64 MB as it likes; what is lost is in each of the last rounds.
    assert min(sizes[-3:]) < sizes[0] + 100e6, [round(s / 1e6) for s in sizes]


def load_until_told(port, path, body, kind, asked, lost):
    "Ask until the service says that it is ending, as an orchestrator does; what got no answer is lost."
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
    while connection:
        try:
            response, _ = post(connection, path, body, kind)
            asked.append(response.status)
            if response.headers.get('connection') == 'close':
                connection = None
        except Exception as e:
            lost.append(f'{path}: {e!r}')
            return


@pytest.mark.parametrize('workers', [1, 2])
def test_sigterm_loses_no_accepted_request(pictures, workers):
    photo = io.BytesIO()
    Image.fromarray(255 - pictures[0]).resize((600, 600)).save(photo, 'JPEG')
    kinds = [
        ('/predict/pixels', pictures[:20].tobytes(), 'application/octet-stream'),
        ('/predict', png(pictures[0]), 'image/png'),
        ('/predict', photo.getvalue(), 'image/jpeg'),
        ('/read', photo.getvalue(), 'image/jpeg'),
    ]
    asked, lost = [], []
    for _ in range(8 if ALL else 2):
        with (
            hosted('--model', 'fast', '--drain', 0.3, '--workers', workers) as (process, port),
            ThreadPoolExecutor(9) as threads,
            socket.create_connection(('127.0.0.1', port), timeout=20) as slow,
        ):
            slow.sendall(HEAD + b'Content-Length: 3\r\nConnection: close\r\n\r\nx')  # its body ends after the signal
            for i in range(8):
                threads.submit(load_until_told, port, *kinds[i % 4], asked, lost)
            time.sleep(random.uniform(0.2, 0.5))
            process.send_signal(signal.SIGTERM)
            time.sleep(0.6)
            slow.sendall(b'xx')
            if not slow.recv(4096).startswith(b'HTTP/1.1 422'):
                lost.append('slow body')
            assert process.wait(20) == 0
    assert not lost and len(asked) >= 16 and set(asked) == {200}, (len(asked), lost[:5])


@LINUX
def test_ready_and_not_large(service):
    process, port = service
    assert urllib.request.urlopen(f'http://127.0.0.1:{port}/readyz', timeout=10).status == 200
    assert memory(process.pid) < 300e6  # after all of the above


@pytest.mark.skipif(sys.platform != 'linux', reason='needs an address of its own that is not 127.0.0.1')
def test_nobody_else_can_ask_by_default(service):
    _, port = service
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(('127.0.0.2', port), timeout=2)
    with hosted('--host', '0.0.0.0') as (_, port), socket.create_connection(('127.0.0.2', port), timeout=2):
        pass


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
