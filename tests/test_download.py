"Mirrors that misbehave never leave a bad cache. They are played by a server on the loopback interface, over https."

import gzip
import hashlib
import http.server
import multiprocessing
import ssl
import struct
import threading
import time

import numpy as np
import pytest
import trustme

import mnist_nb.support.sources as room
from mnist_nb.data import load_folder, load_mnist
from mnist_nb.support.sources import DataError, download


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f'>{array.ndim}I', *array.shape) + array.tobytes()


RNG = np.random.default_rng(0)
CONTENT = {}  # a little data set under MNIST's names, whose digests stand in for MNIST's
for stem, n in (('train', 50), ('t10k', 20)):
    CONTENT[f'{stem}-images-idx3-ubyte'] = idx(RNG.integers(0, 256, (n, 28, 28), dtype=np.uint8))
    CONTENT[f'{stem}-labels-idx1-ubyte'] = idx(np.arange(n, dtype=np.uint8) % 10)
DIGESTS = {
    split: tuple(hashlib.sha256(CONTENT[f'{stem}-{kind}-ubyte']).hexdigest() for kind in ('images-idx3', 'labels-idx1'))
    for split, stem in (('train', 'train'), ('test', 't10k'))
}


class Mirror(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        _, behaviour, name = self.path.split('/')
        good = gzip.compress(CONTENT[name.removesuffix('.gz')])
        other = gzip.compress(CONTENT[name.removesuffix('.gz')][:-1] + b'\xff')
        if behaviour in ('403', '404', '503'):
            return self.send_error(int(behaviour))
        if behaviour == 'redirect':
            self.send_response(302)
            self.send_header('Location', f'http://localhost:1/{name}')
            return self.end_headers()
        body = {
            'html': b'<html>Please log in</html>',
            'wrong': other,
            'plain': CONTENT[name.removesuffix('.gz')],
            'damaged': good[:-9] + bytes(9),
        }.get(behaviour, good)
        self.send_response(200)
        if behaviour == 'chunked':
            self.send_header('Transfer-Encoding', 'chunked')
        elif behaviour != 'nolength':
            self.send_header('Content-Length', 'many' if behaviour == 'junk' else str(len(body)))
        self.end_headers()
        if behaviour == 'chunked':
            return self.wfile.write(b'ffff\r\n' + body[:50])
        if behaviour == 'slow':
            time.sleep(3)
        if behaviour == 'stalls':
            self.wfile.write(body[:10])
            self.wfile.flush()
            time.sleep(3)
        self.wfile.write(body[: len(body) // 2] if behaviour == 'short' else body)

    def log_message(self, *args):
        pass


@pytest.fixture(scope='module')
def address(tmp_path_factory):
    "An https server that the default trust store accepts for the length of the tests."
    authority, folder = trustme.CA(), tmp_path_factory.mktemp('tls')
    authority.cert_pem.write_to_path(folder / 'ca.pem')
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert('localhost').configure_cert(context)
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Mirror)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *args: None  # clients that hang up are part of the play
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('SSL_CERT_FILE', str(folder / 'ca.pem'))
        patch.setenv('no_proxy', 'localhost')
        yield f'https://localhost:{server.server_port}'
    server.shutdown()


@pytest.fixture(autouse=True)
def little_mnist(monkeypatch):
    monkeypatch.setattr(room, 'SHA256', DIGESTS)


BAD = ['403', '404', '503', 'slow', 'stalls', 'short', 'html', 'wrong', 'damaged', 'redirect', 'chunked', 'junk']


@pytest.mark.parametrize('behaviour', BAD)
def test_a_bad_mirror_leaves_nothing_behind(address, tmp_path, behaviour):
    with pytest.raises(DataError, match='no mirror had it'):
        download(tmp_path / 'cache', (f'{address}/{behaviour}/',), timeout=0.5, progress=False)
    assert not list(tmp_path.rglob('*ubyte*'))


@pytest.mark.parametrize('behaviour', BAD)
def test_the_next_mirror_is_tried(address, tmp_path, behaviour):
    download(tmp_path, (f'{address}/{behaviour}/', f'{address}/good/'), timeout=1.5, progress=False)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == CONTENT


@pytest.mark.parametrize('behaviour', ['good', 'plain', 'nolength'])
def test_good_mirrors(address, tmp_path, behaviour):
    download(tmp_path, (f'{address}/{behaviour}/',), progress=False)
    assert len(load_folder(tmp_path, 'train')) == 50 and len(load_folder(tmp_path, 'test')) == 20


def test_plain_http_is_never_used(tmp_path):
    with pytest.raises(DataError, match='not https'):
        download(tmp_path, ('http://localhost/',), progress=False)


def test_without_a_network_it_gives_up_in_time(tmp_path):
    start = time.monotonic()
    with pytest.raises(DataError):
        download(tmp_path, ('https://mnist.invalid/', 'https://192.0.2.1/'), progress=False)
    assert time.monotonic() - start < 5


def test_a_damaged_cache_is_fetched_again(address, tmp_path, monkeypatch):
    monkeypatch.delenv('MNIST_NB_DATA', raising=False)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    monkeypatch.setattr(room.download, '__defaults__', ((f'{address}/good/',), 4, False))
    assert load_mnist('test', progress=False).source == str(tmp_path / 'mnist_nb')
    for name in CONTENT:
        (tmp_path / 'mnist_nb' / name).write_bytes(CONTENT[name][:100])
    assert len(load_mnist('test', progress=False)) == 20


def test_no_mirror_means_the_sample_and_a_warning(tmp_path, monkeypatch):
    monkeypatch.delenv('MNIST_NB_DATA', raising=False)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    monkeypatch.setattr(room.download, '__defaults__', (('https://mnist.invalid/',), 4, False))
    with pytest.warns(UserWarning, match='using the 5,000 digits'):
        assert load_mnist('test', progress=False).dataset == 'mnist-sample'


def test_two_processes_at_once(address, tmp_path):
    context = multiprocessing.get_context('fork')
    workers = [context.Process(target=download, args=(tmp_path, (f'{address}/good/',), 4, False)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == CONTENT
