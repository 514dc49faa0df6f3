"""Latency of the explorer's page: from a move of the pointer over the latent plane to the decoded picture, in a real browser.

    tfgen explore RUN --port 8123 --no-browser &
    python benchmarks/explorer.py http://127.0.0.1:8123 --moves 200

It needs playwright (`make test-browser` installs it) and a Chromium of the system. The clock is the page's own: from the
event to the painted canvas, request, decoding and painting included. Printed are median, 95th percentile and the largest.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
from typing import Any

_TIMED = """
async moves => {
  const canvas = document.querySelector("canvas.touch"), image = document.querySelector("canvas.image");
  const box = canvas.getBoundingClientRect(), waits = [];
  const at = (kind, k) => {
    const clientX = box.left + box.width * (0.5 + 0.4 * Math.cos(k / 7));
    const clientY = box.top + box.height * (0.5 + 0.4 * Math.sin(k / 5));
    canvas.dispatchEvent(new PointerEvent(kind, { pointerId: 1, buttons: 1, bubbles: true, clientX, clientY }));
  };
  for (let k = 0; k < moves; k += 1) {
    const before = image.dataset.place, begin = performance.now();
    at("pointermove", k);
    while (image.dataset.place === before) await new Promise(resolve => setTimeout(resolve, 0));
    waits.push(performance.now() - begin);
  }
  return waits;
}
"""


def measure(address: str, moves: int, browser: str) -> list[float]:
    """Return the milliseconds from each move to its picture.

    Args:
        address: of the explorer, whose first model has a latent space of images.
        moves: of the pointer; the first ten do not count.
        browser: path of a Chromium.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        page = launched.new_page()
        page.goto(address)
        page.wait_for_selector("canvas.image[data-place]")
        waits: Any = page.evaluate(_TIMED, moves + 10)
        launched.close()
    return [float(wait) for wait in waits[10:]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("--moves", type=int, default=200)
    parser.add_argument("--browser", default=shutil.which("chromium"))
    options = parser.parse_args()
    waits = sorted(measure(options.address, options.moves, options.browser))
    high = waits[int(0.95 * len(waits))]
    print(f"{len(waits)} moves: median {statistics.median(waits):.1f} ms, 95th {high:.1f} ms, most {waits[-1]:.1f} ms")


if __name__ == "__main__":
    main()
