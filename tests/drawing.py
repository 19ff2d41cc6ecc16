"Drawing on the page as a person does, and what is shown there."

import base64
import io

import numpy as np
from PIL import Image

PHONE = {'viewport': {'width': 390, 'height': 844}, 'has_touch': True, 'is_mobile': True, 'device_scale_factor': 2}

POLYLINES = {  # corners, in a box 1 wide and 1 high
    '0': [(0.5, 0), (0.15, 0.15), (0, 0.5), (0.15, 0.85), (0.5, 1), (0.85, 0.85), (1, 0.5), (0.85, 0.15), (0.5, 0)],
    '1': [(0.2, 0.25), (0.6, 0), (0.6, 1)],
    '2': [(0, 0.2), (0.3, 0), (0.8, 0.05), (0.9, 0.35), (0, 1), (1, 1)],
    '3': [(0, 0.05), (0.6, 0), (0.9, 0.2), (0.5, 0.45), (0.95, 0.7), (0.6, 1), (0, 0.95)],
    '4': [(0.65, 1), (0.65, 0), (0, 0.65), (1, 0.65)],
    '5': [(0.9, 0), (0.1, 0), (0.1, 0.45), (0.6, 0.4), (0.95, 0.7), (0.6, 1), (0, 0.95)],
    '6': [(0.7, 0), (0.25, 0.3), (0, 0.7), (0.3, 1), (0.75, 1), (0.95, 0.75), (0.7, 0.55), (0.3, 0.55), (0.05, 0.7)],
    '7': [(0, 0), (1, 0), (0.4, 1)],
    '8': [
        (0.5, 0.47),
        (0.1, 0.25),
        (0.5, 0),
        (0.9, 0.25),
        (0.5, 0.47),
        (0.05, 0.75),
        (0.5, 1),
        (0.95, 0.75),
        (0.5, 0.47),
    ],
    '9': [(0.95, 0.35), (0.6, 0.5), (0.2, 0.45), (0.05, 0.25), (0.3, 0), (0.7, 0), (0.95, 0.25), (0.95, 0.6), (0.9, 1)],
}


def photo_of(digit):
    "A digit on a sheet of paper, as a camera has it."
    photo = Image.new('L', (400, 300), 225)
    photo.paste(40, (120, 70), Image.fromarray(digit).resize((150, 150)))
    return photo


def thin(ink):
    "The middle line of a digit, a pixel wide (Zhang and Suen 1984)."
    ink = np.pad(ink.astype(np.uint8), 1)
    while True:
        before = ink.copy()
        for step in (0, 1):
            n = [
                np.roll(ink, shift, (0, 1))
                for shift in ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))
            ]
            around = sum(n)
            turns = sum((a == 0) & (b == 1) for a, b in zip(n, n[1:] + n[:1]))
            first, second = (
                (n[0] * n[2] * n[4], n[2] * n[4] * n[6]) if step == 0 else (n[0] * n[2] * n[6], n[0] * n[4] * n[6])
            )
            ink = ink & ~((around >= 2) & (around <= 6) & (turns == 1) & (first == 0) & (second == 0)).astype(np.uint8)
        if (ink == before).all():
            return ink[1:-1, 1:-1].astype(bool)


def strokes_of(picture):
    "A picture's digit as strokes: walks along its middle line, points `(x, y)` in 0..1."
    left, strokes = {tuple(p) for p in np.argwhere(thin(picture > 100))}, []

    def near(p):
        found = [(p[0] + dy, p[1] + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
        return sorted((q for q in found if q in left), key=lambda q: abs(q[0] - p[0]) + abs(q[1] - p[1]))

    everything = set(left)
    while left:
        at = min(left, key=lambda p: (len(near(p)) != 1, p))
        joint = [q for q in everything - left if max(abs(q[0] - at[0]), abs(q[1] - at[1])) == 1][:1]
        walk = [*joint, at]
        left.discard(at)
        while nexts := near(walk[-1]):
            walk.append(nexts[0])
            left.discard(nexts[0])
        walk += [q for q in everything if q not in walk and max(abs(q[0] - walk[-1][0]), abs(q[1] - walk[-1][1])) == 1][
            :1
        ]
        strokes.append([((x + 0.5) / 28, (y + 0.5) / 28) for y, x in walk])
    return strokes


def draw(page, strokes):
    "Draw with the mouse."
    box = page.locator('#pad').bounding_box()
    for stroke in strokes:
        places = [(box['x'] + x * box['width'], box['y'] + y * box['height']) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in [*places[1:-1:2], places[-1]]:
            page.mouse.move(*place)
        page.mouse.up()


def picture(page, which):
    "What a canvas shows."
    data = page.evaluate(f'document.getElementById("{which}").toDataURL()').partition(',')[2]
    return Image.open(io.BytesIO(base64.b64decode(data)))


ONE = [[(0.5, 0.2), (0.5, 0.4), (0.5, 0.6), (0.5, 0.8)]]
