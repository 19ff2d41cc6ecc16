"Measure the page to explore: bytes, time to the first answer, time of a point that is drawn. Prints; `python tools/page_speed.py`."

import shutil
import statistics
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import sync_playwright

WEB = Path(__file__).resolve().parent.parent / 'mnist_nb' / 'web'
DRAW = """async () => {
  const pad = document.getElementById('pad'), box = pad.getBoundingClientRect(), times = [];
  pad.setPointerCapture = () => {};
  const send = (kind, x, y) => {
    const start = performance.now();
    pad.dispatchEvent(new PointerEvent(kind, {pointerId: 1, clientX: box.left + x * box.width, clientY: box.top + y * box.height, pointerType: 'mouse'}));
    times.push(performance.now() - start);
  };
  send('pointerdown', .5, .2);
  for (let i = 0; i < 60; i++) { send('pointermove', .5 + .1 * Math.sin(i / 5), .2 + .01 * i); await new Promise(requestAnimationFrame); }
  send('pointerup', .5, .8);
  return times;
}"""


class Quiet(SimpleHTTPRequestHandler):
    "Serves files, and says nothing of it."

    def log_message(self, *words):
        "Say nothing."


def main(runs=7):
    first, points = [], []
    with (
        ThreadingHTTPServer(('127.0.0.1', 0), partial(Quiet, directory=WEB)) as server,
        sync_playwright() as playwright,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        chromium = shutil.which('chromium') or shutil.which('google-chrome')
        browser = playwright.chromium.launch(executable_path=chromium, args=['--no-sandbox', '--disable-gpu'])
        for _ in range(runs):
            page = browser.new_page()
            page.goto(f'http://127.0.0.1:{server.server_port}/index.html', wait_until='commit')
            page.wait_for_function("document.getElementById('digit')?.textContent === '7'")
            first.append(page.evaluate('performance.now()') / 1000)
            page.wait_for_selector('body[data-ready]')
            points += page.evaluate(DRAW)
            page.close()
        browser.close()
        server.shutdown()
    size = (WEB / 'digits.wasm').stat().st_size
    print(
        f'engine {size / 1000:.0f} kB; {runs} runs: first answer after {statistics.median(first):.2f} s (at most {max(first):.2f});'
    )
    print(
        f'a point that is drawn: {statistics.median(points):.1f} ms (at most {max(points):.1f}), {len(points)} points'
    )


if __name__ == '__main__':
    main()
