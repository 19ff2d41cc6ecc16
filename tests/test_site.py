"The built site in a browser: every page, the search, and the page to explore, replayed stroke by stroke."

import base64
import json
import re

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from conftest import ALL
from drawing import ONE, PHONE, draw, picture, strokes_of
from PIL import Image
from playwright.sync_api import expect

from mnist_nb.models import create_model
from mnist_nb.predict import Predictor
from mnist_nb.reading.page import prepare

DESK = {'viewport': {'width': 1400, 'height': 900}}


KINDS = [
    'index',
    'data',
    'cli',
    'guides/index',
    'guides/data',
    'reference/index',
    'reference/http',
    'reference/networks',
]
KINDS += ['reference/modules/data', 'research/results', 'research/refusal', 'explore/index']  # one page of each


def found_by_axe(page):
    "What axe-core calls serious."
    violations = Axe().run(page, options={'resultTypes': ['violations']}).response['violations']
    return [f'{v["id"]}: {v["nodes"][0]["html"][:100]}' for v in violations if v['impact'] in ('serious', 'critical')]


@pytest.mark.parametrize('device, scheme', [(DESK, 'light'), (PHONE, 'dark')], ids=['light', 'dark'])
def test_every_page(browser, site, device, scheme):
    "Every page (one of each kind, unless all tests run): no error, nothing from elsewhere, nothing that sticks out to the right, no more than 1.5 MB, open to everybody."
    url, folder = site
    context = browser.new_context(color_scheme=scheme, **device)
    page, wrong, said, sizes = context.new_page(), [], [], []
    page.on('console', lambda m: said.append(m.text) if m.type in ('error', 'warning') else None)
    page.on('pageerror', lambda error: said.append(str(error)))
    page.on('request', lambda r: None if r.url.startswith((url, 'data:', 'blob:')) else said.append(f'asks {r.url}'))
    page.on('response', lambda r: sizes.append(int(r.headers.get('content-length', 0))))
    pages = sorted(folder.rglob('*.html'))
    assert len(pages) > 90
    pages = [p for p in pages if ALL or str(p.relative_to(folder).with_suffix('')) in KINDS]
    for path in pages:
        said.clear(), sizes.clear()
        name = str(path.relative_to(folder))
        page.goto(url + name)
        for width in (390, 1400) if device is DESK else (1400, 390):  # its own one last
            page.set_viewport_size({'width': width, 'height': 900})
            wide = page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
            if wide > 0:
                said.append(f'{wide} pixels wider than {width}')
        if scheme == 'light' or name.removesuffix('.html') in KINDS:
            said += found_by_axe(page)
        if said or sum(sizes) > 1.5e6:
            wrong.append((name, said[:3], sum(sizes)))
    context.close()
    assert not wrong


def test_names_stand_in_their_order_with_errors_sources_and_examples(site):
    course = re.findall(r'<h3[^>]* id="([^"]+)"', (site[1] / 'models.html').read_text())
    names = ['normalize', 'hidden_layer', 'base_mlp', 'improved_mlp', 'fast', 'cnn', 'strong', 'load_weights']
    assert [name for name in course if name in names] == names
    data, evaluation = ((site[1] / 'reference' / 'modules' / f'{name}.html').read_text() for name in ('data', 'eval'))
    assert 'labels; the files do not belong together' in data  # what make_digits raises
    assert 'Naeini et al. 2015' in evaluation and 'as trained: ECE' in evaluation  # where it is from, what it prints


TERMS = ['calibration', 'load_mnist', 'temperature', 'WebAssembly', 'Kubernetes', 'early stopping', 'confusion matrix',
         'your own data set', 'label errors', 'reproduce every figure']  # fmt: skip


def test_search_finds(browser, site):
    page = browser.new_page()
    page.goto(site[0] + 'index.html')
    box, missing = page.locator('input[type=search], .smalldocs-search input').first, []
    for term in TERMS:
        box.fill('')
        box.type(term)
        try:
            expect(page.locator('.search-result').first).to_be_visible(timeout=4000)
        except AssertionError:
            missing.append(term)
    page.close()
    assert not missing


@pytest.fixture
def explore(open_page, site):
    "The page to explore, as the site has it."
    return open_page(site[0] + 'explore/index.html')


def look(page, pixels):
    "All that the page's engine computes of some pictures: probabilities, and each layer's maps."
    code = """async text => {
        const {browserEngines} = await import('./engines.js'), {engine} = await browserEngines(), found = [];
        const pixels = Uint8Array.from(atob(text), c => c.charCodeAt(0));
        for (let i = 0; i < pixels.length; i += 784) {
            const probabilities = Array.from(engine.probabilitiesOf(pixels.subarray(i, i + 784)));
            found.push([probabilities, ...engine.layers.filter(l => l.maps).map(l => Array.from(l.maps.values))]);
        }
        return found;
    }"""
    return page.evaluate(code, base64.b64encode(pixels.tobytes()).decode())


def test_what_happens_inside_is_what_pytorch_computes(explore, pictures):
    model, seen = create_model('pocket', pretrained=True), []
    for part in model.modules():
        if isinstance(part, torch.nn.ReLU):
            part.register_forward_hook(lambda part, given, made: seen.append(made[0].flatten().numpy()))
    for picture_, (probabilities, *maps) in zip(pictures[:50], look(explore, pictures[:50])):
        seen.clear()
        with torch.no_grad():
            model(torch.from_numpy(picture_[None, None]))
        assert len(maps) == len(seen) == 3
        assert all(np.abs(np.array(mine) - theirs).max() < 1e-3 for mine, theirs in zip(maps, seen))
        assert np.abs(np.array(probabilities) - Predictor('pocket')(picture_[None])[0]).max() < 1e-3


def test_sums_are_added_up_and_channels_switched_off(explore):
    draw(explore, ONE)
    first = explore.locator('.layer canvas').first
    first.focus()
    for key in (*['ArrowLeft'] * 16, 'ArrowRight', 'ArrowRight', 'ArrowDown'):
        explore.keyboard.press(key)
    expect(explore.locator('.detail h3')).to_contain_text('Map 11 of the first layer')
    parts = explore.evaluate("""async () => {
        const {browserEngines} = await import('./engines.js'), {Inside} = await import('./inside.js');
        const engines = await browserEngines(), inside = new Inside(document.createElement('div'), engines, () => {});
        const seen = document.getElementById('seen').getContext('2d').getImageData(0, 0, 28, 28).data.filter((v, i) => i % 4 === 0);
        engines.engine.probabilitiesOf(seen);
        const found = [];
        for (const layer of [0, 1, 2, 3]) for (const plane of [0, 3, 9]) for (const row of layer < 2 ? [0, 3, 5] : [0]) {
            const {kernel, patch, bias, sum} = inside.partsOf({layer, plane, row, column: row});
            found.push([kernel.reduce((a, w, i) => a + w * patch[i], 0) + bias, sum]);
        }
        return found;
    }""")
    assert len(parts) == 24 and all(abs(by_hand - told) < 1e-2 for by_hand, told in parts)
    third = first.bounding_box()
    explore.mouse.click(third['x'] + 2.5 / 8 * third['width'], third['y'] + 0.25 * third['height'])
    button = explore.locator('.detail button').bounding_box()  # on the way there the mouse crosses other maps
    explore.mouse.move(button['x'] + 20, button['y'] + 10, steps=25)
    explore.mouse.down()
    explore.mouse.up()
    expect(explore.locator('.cuts')).to_contain_text('Switched off: 3 of the first layer')
    assert 'parts switched off' in explore.locator('#reason').inner_text()
    explore.get_by_text('Switch all on').click()
    expect(explore.locator('.cuts')).not_to_contain_text('Switched off')


CHANGES = ['turn', 'across', 'down', 'size', 'pen', 'blur', 'noise', 'erase']


def test_each_slider_changes_what_is_seen(explore):
    draw(explore, [[(0.3, 0.2), (0.7, 0.2), (0.45, 0.8)]])
    assert explore.locator('#digit').inner_text() == '7'
    before = np.asarray(picture(explore, 'seen').convert('L'), float)
    for name in CHANGES:
        slider = explore.locator(f'#change-{name}')
        expect(explore.locator('.change', has=slider).locator('p')).not_to_be_empty()  # the curve is there, and told
        end = 'Home' if name == 'size' else 'End'
        slider.press(end)
        after = np.asarray(picture(explore, 'seen').convert('L'), float)
        assert np.abs(after - before).mean() > 2, name
        assert 'spoiled by the sliders' in explore.locator('#reason').inner_text()
        explore.get_by_text('All back').click()
        assert np.array_equal(np.asarray(picture(explore, 'seen').convert('L'), float), before)


def test_changes_are_what_pillow_makes(explore, pictures):
    code = """async ([text, name, amount]) => {
        const {changed} = await import('./changes.js'), pixels = Uint8Array.from(atob(text), c => c.charCodeAt(0));
        return Array.from(changed(pixels, {[name]: amount}));
    }"""
    text = base64.b64encode(pictures[0].tobytes()).decode()

    def by_page(name, amount):
        return np.array(explore.evaluate(code, [text, name, amount]), float).reshape(28, 28)

    image = Image.fromarray(pictures[0])
    assert np.abs(by_page('turn', 30) - np.asarray(image.rotate(-30, Image.Resampling.BILINEAR), float)).max() < 3
    assert np.abs(by_page('across', 3) - np.roll(pictures[0], 3, 1).astype(float)).max() < 1
    assert by_page('pen', 1).sum() > 1.3 * pictures[0].sum() > 1.6 * by_page('pen', -1).sum()
    assert by_page('erase', 1).sum() == 0 and np.array_equal(by_page('erase', 0), pictures[0])
    assert np.array_equal(by_page('noise', 0.5), by_page('noise', 0.5))


def test_why_this_digit(explore, pictures):
    draw(explore, ONE)
    expect(explore.locator('#why-title')).to_contain_text('Why 1, and not')
    explore.select_option('#rival', '7')
    expect(explore.locator('#why-title')).to_have_text('Why 1, and not 7?')
    explore.get_by_text('Find a small change that makes it 7').click()
    expect(explore.locator('#why [role=status]')).to_contain_text('then 7 is ahead', timeout=60_000)
    found = explore.evaluate(
        """async text => {
        const {browserEngines} = await import('./engines.js'), {smallestChange} = await import('./why.js');
        const {bench} = await browserEngines(), pixels = Uint8Array.from(atob(text), c => c.charCodeAt(0));
        let last = null;
        for await (const step of smallestChange(bench, pixels, 9)) last = step;
        return last && {pixels: Array.from(last.pixels), done: last.done};
    }""",
        base64.b64encode(pictures[0].tobytes()).decode(),
    )
    changed = np.array(found['pixels'], np.uint8).reshape(1, 28, 28)
    assert found['done'] and Predictor('pocket')(changed).argmax() == 9
    assert (changed != pictures[0]).sum() < 150


def test_the_map(explore, site, pictures):
    explore.locator('#map').scroll_into_view_if_needed()
    expect(explore.locator('#map')).to_have_attribute('data-ready', 'yes')
    data = json.loads((site[1] / 'explore' / 'map.json').read_text())
    answers = Predictor('pocket')(pictures).argmax(1)
    assert data['answers'] == ''.join(map(str, answers))
    explore.select_option('#map-which', 'wrong')
    wrong = sum(a != b for a, b in zip(data['labels'], data['answers']))
    expect(explore.locator('#plane [role=status]')).to_contain_text(f'{wrong} of {len(pictures):,}')
    explore.locator('.digits button').first.click()
    assert explore.locator('#reason').inner_text().startswith('Test digit')
    explore.select_option('#map-which', 'all')
    explore.select_option('#map-class', '7')
    sevens = data['labels'].count('7')
    expect(explore.locator('#plane [role=status]')).to_contain_text(f'{sevens:,} of {len(pictures):,}')
    explore.locator('#map-canvas').hover(position={'x': 150, 'y': 200})
    expect(explore.locator('.card')).to_contain_text('labelled 7')


def test_clear_clears_everything_and_undo_brings_it_back(explore):
    draw(explore, ONE)
    expect(explore.locator('#why-title')).to_contain_text('Why 1')
    explore.click('#clear')
    expect(explore.locator('#why-title')).to_have_text('Why this digit?')
    assert explore.locator('#rival').is_disabled() and explore.locator('#digit').inner_text() == '–'
    assert all(told == '' for told in explore.locator('.change p').all_inner_texts())
    assert explore.locator('.effect').inner_text() == ''
    explore.click('#undo')
    assert explore.locator('#digit').inner_text() == '1'
    explore.locator('#tiles [title^="a hard digit"]').first.click()
    seen = picture(explore, 'seen')
    draw(explore, ONE)
    explore.click('#undo')  # the stroke, then the picture that it replaced, then what was before
    explore.click('#undo')
    assert picture(explore, 'seen') == seen
    explore.click('#undo')
    assert explore.locator('#digit').inner_text() == '1'


def test_sliders_spoil_all_digits_of_a_number(explore):
    explore.locator('#tiles [title="a year"]').click()
    assert explore.locator('#digit').inner_text() == '2026'
    explore.locator('#change-erase').press('End')
    assert explore.locator('#digit').inner_text() == '????'
    explore.get_by_text('All back').click()
    assert explore.locator('#digit').inner_text() == '2026'


def test_a_drawing_can_be_shared(explore, open_page, pictures):
    strokes = strokes_of(pictures[0])
    draw(explore, strokes)
    explore.wait_for_timeout(300)
    address = explore.url
    assert '#drawing=' in address and len(address) < 2000
    other = open_page(address)
    assert other.locator('#digit').inner_text() == explore.locator('#digit').inner_text()
    mine, theirs = (np.asarray(picture(p, 'seen').convert('L'), float).ravel() for p in (explore, other))
    assert np.corrcoef(mine, theirs)[0, 1] > 0.97
    broken = open_page(address.partition('#')[0] + '#drawing=no%20drawing')
    assert broken.locator('#digit').inner_text() == '7'  # the example


def test_examples(explore, site):
    said = {}
    for tile in explore.locator('#tiles button').all():
        tile.click()
        explore.wait_for_timeout(250)
        said[tile.get_attribute('title')] = explore.locator('#digit').inner_text()
    assert (
        said['a seven with a bar'] == '7' and said['a year'] == '2026' and said['a letter'] == '?' == said['a scribble']
    )
    assert said['a photograph'] == '5' and explore.locator('#way img').is_visible()
    folder = site[1] / 'explore'
    given = json.loads((folder / 'examples.json').read_text())
    assert len([name for name in said if name.startswith('a hard digit of MNIST')]) == len(given['hard']) == 4
    assert given['photo'] == prepare(Image.open(folder / 'photo.jpg')).ravel().tolist()


def test_without_a_service_nothing_needs_one(explore):
    assert explore.locator('#camera').is_hidden() and explore.locator('#pick').is_hidden()
    assert explore.locator('#home').is_visible() and explore.locator('#docs').is_hidden()


def test_the_pad_on_the_first_page(browser, site):
    page = browser.new_page()
    page.goto(site[0] + 'index.html')
    page.wait_for_selector('#short[data-ready]')
    box = page.locator('.short-pad').bounding_box()
    page.mouse.move(box['x'] + box['width'] / 2, box['y'] + 0.2 * box['height'])
    page.mouse.down()
    for step in range(3, 17):
        page.mouse.move(box['x'] + box['width'] / 2, box['y'] + step / 20 * box['height'])
    page.mouse.up()
    assert page.locator('#short output').inner_text() == '1'
    page.click('#short a')
    page.wait_for_selector('body[data-ready]')
    assert page.locator('#digit').inner_text() == '1'  # it came along
    page.close()


def test_the_site_works_from_any_path(site):
    for path in site[1].rglob('*.html'):
        assert not any(f'{kind}="/' in path.read_text() for kind in ('href', 'src')), path.name
