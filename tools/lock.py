"Write requirements/serve.lock: exact versions and hashes of what the service needs at run time, without PyTorch."

import configparser
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / 'requirements' / 'serve.lock'
SHOP = 'numpy', 'pillow', 'scipy', 'onnxruntime', 'typer'  # what predict and the command line import


def wanted():
    "Requirements of the shop, with their bounds, from settings.ini."
    ini = configparser.ConfigParser(delimiters=['='])
    ini.read(ROOT / 'settings.ini')
    words = shlex.split(ini['DEFAULT']['requirements'])
    shop = [word for word in words if word.startswith(SHOP)]
    return [*shop, *shlex.split(ini['DEFAULT']['serve_requirements'])]


def main():
    LOCK.parent.mkdir(exist_ok=True)
    compile_ = [
        'uv',
        'pip',
        'compile',
        '-',
        '--universal',
        '--generate-hashes',
        '--python-version',
        '3.11',
        '--no-annotate',
        '--no-header',
    ]
    upgrade = ['--upgrade'] if '--upgrade' in sys.argv else []
    source = '\n'.join(wanted())
    subprocess.run(
        [*compile_, *upgrade, '--quiet', '--output-file', LOCK], input=source, text=True, check=True, cwd=ROOT
    )
    LOCK.write_text('# Written by tools/lock.py from settings.ini; anew with: make lock\n' + LOCK.read_text())
    print(f'{LOCK.relative_to(ROOT)}: {LOCK.read_text().count("==")} packages')


if __name__ == '__main__':
    main()
