"Package metadata comes from settings.ini, the single source for nbdev and for pip."

import shlex
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).resolve().parent
ini = ConfigParser(delimiters=['='])
ini.read(here / 'settings.ini', encoding='utf-8')
cfg = ini['DEFAULT']


def words(key):
    return shlex.split(cfg.get(key, '').replace('\n', ' '))


py_versions = ['3.9', '3.10', '3.11', '3.12', '3.13', '3.14']
min_python = cfg['min_python']
statuses = [
    '1 - Planning',
    '2 - Pre-Alpha',
    '3 - Alpha',
    '4 - Beta',
    '5 - Production/Stable',
    '6 - Mature',
    '7 - Inactive',
]
licenses = {'apache2': 'Apache-2.0', 'mit': 'MIT', 'bsd3': 'BSD-3-Clause'}
EXTRAS = 'serve', 'scale', 'edge', 'heic', 'lab', 'tensorboard'
extras = {extra: words(f'{extra}_requirements') for extra in EXTRAS}

setup(
    name=cfg['lib_name'],
    version=cfg['version'],
    description=cfg['description'],
    long_description=(here / 'README.md').read_text(encoding='utf-8') if (here / 'README.md').exists() else '',
    long_description_content_type='text/markdown',
    author=cfg['author'],
    author_email=cfg['author_email'],
    license=licenses[cfg['license']],
    keywords=cfg['keywords'],
    classifiers=[
        'Development Status :: ' + statuses[int(cfg['status']) - 1],
        'Intended Audience :: ' + cfg['audience'].title(),
        'Natural Language :: ' + cfg['language'].title(),
    ]
    + ['Programming Language :: Python :: ' + v for v in py_versions[py_versions.index(min_python) :]],
    packages=find_packages(include=[cfg['lib_path'], cfg['lib_path'] + '.*']),
    package_data={cfg['lib_path']: ['weights/*', 'web/*', '*.mplstyle']},
    install_requires=words('requirements'),
    extras_require={**extras, 'dev': sum(extras.values(), words('dev_requirements'))},  # tests need all of them
    python_requires='>=' + min_python,
    entry_points={
        'console_scripts': words('console_scripts'),
        'nbdev': [f'{cfg["lib_path"]}={cfg["lib_path"]}._modidx:d'],
    },
    zip_safe=False,
)
