"""Pictures that readers must not fail on, drawn here: thin straight strokes, tight crops, cells with table lines, marks."""

import numpy as np
import pytest
from drawing import POLYLINES
from PIL import Image, ImageDraw, ImageFilter
from sklearn.datasets import load_digits

from mnist_nb.data import load_sample
from mnist_nb.predict import predict, read_number


def polyline(digit, size, share, pen, ink=20, paper=250, fine=1):
    """A digit of straight strokes in the middle of a sheet: share of its height, pen in pixels."""
    width, height = size
    high = min(share * height, 0.9 * width / 0.65)
    left, top = (width - 0.65 * high) / 2, (height - high) / 2
    sheet = Image.new('L', (width * fine, height * fine), paper)
    points = [((left + 0.65 * high * x) * fine, (top + high * y) * fine) for x, y in POLYLINES[digit]]
    ImageDraw.Draw(sheet).line(points, ink, max(1, round(pen * fine)), 'curve')
    return sheet.resize(size, Image.Resampling.BOX)


def outcome(pictures, truths):
    """How many are right and accepted, and which are wrong without refusal."""
    answers = predict(pictures, skip_errors=True)
    right = sum(str(a.digit) == t and not a.rejected for a, t in zip(answers, truths))
    return right, [(t, a) for a, t in zip(answers, truths) if str(a.digit) != t and not a.rejected]


def test_720_digits_of_straight_strokes():
    drawn = [
        (polyline(digit, size, share, pen * max(size) * more, ink), digit)
        for digit in POLYLINES
        for size in ((900, 1200), (1200, 900), (400, 400))
        for share in (0.35, 0.6, 0.85)
        for pen in (0.004, 0.008, 0.015, 0.03)
        for more, ink in ((1, 20), (1.1, 60))
    ]
    assert len(drawn) == 720
    right, wrong = outcome(*zip(*drawn))
    assert right >= 718 and not wrong, (right, wrong)


def test_thin_pens_on_a_canvas():
    drawn = [
        (polyline(digit, (280, 280), 0.65, pen, 0, 255, fine=4), digit) for digit in POLYLINES for pen in (1, 2, 4, 8)
    ]
    right, wrong = outcome(*zip(*drawn))
    assert right >= 39 and not wrong, (right, wrong)


@pytest.fixture(scope='module')
def samples():
    """Eighty digits of the sample, cut out at their outlines, with their labels."""
    digits, found = load_sample('test'), []
    for i in np.random.default_rng(0).permutation(len(digits))[:80]:
        image = digits.images[i, 0].numpy()
        rows, columns = np.nonzero(image > 60)
        outline = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        found.append((Image.fromarray(outline), str(int(digits.labels[i]))))
    return found


@pytest.mark.parametrize('board', [False, True], ids=['dark on light', 'light on dark'])
@pytest.mark.parametrize('margin', [0, 0.1, 0.45])
def test_crops_of_any_size_and_margin(samples, board, margin):
    drawn = []
    for k, (outline, label) in enumerate(samples):
        size = (24, 40, 63, 64, 80, 120, 200, 400)[k % 8]
        share = size / max(outline.size)
        scaled = outline.resize([max(4, round(side * share)) for side in outline.size], Image.Resampling.BICUBIC)
        rim = round(margin * size / (1 - margin))
        sheet = Image.new('L', (scaled.width + 2 * rim, scaled.height + 2 * rim))
        sheet.paste(scaled, (rim, rim))
        paper, ink = (25, 230) if board else (235, 30)
        drawn.append((sheet.point(lambda v, p=paper, i=ink: p + (i - p) * v // 255), label))
    right, wrong = outcome(*zip(*drawn))
    assert right >= 76 and len(wrong) <= 1, (right, wrong)


@pytest.mark.parametrize('side', [32, 48, 63])
def test_bitmaps_cut_at_the_outline(samples, side):
    drawn = []
    for outline, label in samples:
        size = [max(4, round(v * side / max(outline.size))) for v in outline.size]
        drawn.append((outline.resize(size, Image.Resampling.BICUBIC).point(lambda v: 255 * (v > 110)), label))
    right, wrong = outcome(*zip(*drawn))
    assert right >= 74 and len(wrong) <= 1, (right, wrong)


def test_digits_of_eight_by_eight_pixels():
    digits = load_digits()
    right, wrong = outcome(list(digits.images[:200] / 16), [str(label) for label in digits.target[:200]])
    assert right >= 176 and len(wrong) <= 4, (right, wrong)


def test_cells_with_table_lines(samples):
    drawn = []
    for k, (outline, label) in enumerate(samples):
        rng = np.random.default_rng(k)
        side, fine = int(rng.integers(40, 161)), 3
        cell = Image.new('L', (side * fine, side * fine), int(rng.integers(170, 240)))
        high = rng.uniform(0.45, 0.75) * cell.height
        digit = outline.resize(
            (max(3, min(int(outline.width * high / outline.height), int(0.8 * cell.width))), int(high))
        )
        left, top = (int(rng.uniform(0.12, 0.88) * (c - d)) for c, d in zip(cell.size, digit.size))
        cell.paste(int(rng.integers(20, 110)), (left, top), digit)
        for which in rng.permutation(4)[: int(rng.integers(1, 3))]:
            at = int(rng.uniform(0, 0.06) * cell.width)
            at = cell.width - 1 - at if which % 2 else at
            line = [(0, at), (cell.width, at + 4)] if which < 2 else [(at, 0), (at + 4, cell.height)]
            ImageDraw.Draw(cell).line(line, int(rng.integers(20, 120)), int(rng.uniform(1, 3) * fine))
        soft = cell.resize((side, side), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(rng.uniform(0, 1)))
        drawn.append((soft, label))
    right, wrong = outcome(*zip(*drawn))
    assert right >= 70 and len(wrong) <= 2, (right, wrong)


def number_with_marks(text, samples, height=60):
    """A number in digits of the sample, with marks drawn between them."""
    pens = {label: outline for outline, label in reversed(samples)}
    sheet, x, base = Image.new('L', (80 * len(text) + 120, 180), 245), 50, 110
    draw = ImageDraw.Draw(sheet)
    for symbol in text:
        if symbol.isdigit():
            digit = pens[symbol].resize((max(8, round(pens[symbol].width * height / pens[symbol].height)), height))
            sheet.paste(30, (x, base - height), digit)
            x += digit.width + 12
        else:
            lines = {
                '.': [(4, -3), (6, -1)],
                ',': [(8, -6), (2, 12)],
                '-': [(0, -28), (26, -28)],
                '/': [(26, -70), (0, 8)],
                ':': [(3, -40), (5, -38)],
            }[symbol]
            draw.line([(x + a, base + b) for a, b in lines], 30, 6)
            if symbol == ':':
                draw.line([(x + 3, base - 8), (x + 5, base - 6)], 30, 6)
            x += max(a for a, _ in lines) + 14
    return sheet.crop((0, 0, x + 50, 180))


def test_marks_are_answered_for(samples):
    texts = '12.50', '1,5', '-7', '4/5', '12:30', '3.14', '-25', '0.75', '7-3', '1250'
    found = [read_number(number_with_marks(text, samples))[0] for text in texts]
    assert [line.number for line in found].count(None) == 0
    right = [line.text == text for line, text in zip(found, texts)]
    assert sum(right) >= 8, [(line.text, text) for line, text in zip(found, texts)]
    for line, text in zip(found, texts):
        if line.text == text:
            assert [mark.symbol for mark in line.marks] == [c for c in text if not c.isdigit()]
            assert all(mark.box[0] < mark.box[2] and mark.kind for mark in line.marks)
