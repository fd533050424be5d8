"""What the browser tests of the screens, the calling page and the start page share.

The pages are the built ones of web/dist; behind them stands the fake platform of web/test in a process of its
own. Set HOUZHEN_PICTURES=1 to write the pictures of docs/images anew.
"""

import json
import os
import select
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
PICTURES = ROOT / "docs" / "images"
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_SECONDS = 60
SOON_MS = 40_000
"""For whatever comes as soon as a busy machine lets it."""

PHONE, LAPTOP, DESKTOP = (390, 844), (1366, 768), (1440, 900)
LANDSCAPE, PORTRAIT = (1920, 1080), (1080, 1920)

LOW_CONTRAST = """() => {
  const channel = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 }
  const read = (text) => (text.match(/[\\d.]+/g) || []).map(Number)
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
  const backdrop = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = read(getComputedStyle(at).backgroundColor)
      if (colour.length === 3 || colour[3] === 1) return colour
    }
    return [255, 255, 255]
  }
  const poor = []
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some((each) => each.nodeType === 3 && each.textContent.trim())
    const box = node.getBoundingClientRect()
    if (!own || box.width === 0 || node.closest('[disabled], .swagger-ui')) continue
    const style = getComputedStyle(node)
    const [a, b] = [light(read(style.color)), light(backdrop(node))].sort((x, y) => y - x)
    const ratio = (a + 0.05) / (b + 0.05)
    const size = parseFloat(style.fontSize)
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700)
    if (ratio < (large ? 3 : 4.5)) poor.push(`${node.textContent.trim().slice(0, 20)} ${ratio.toFixed(2)}`)
  }
  return poor
}"""

NO_SOCKETS = """
window.WebSocket = class {
  readyState = 0
  constructor() {
    setTimeout(() => this.onclose && this.onclose({ code: 1006, reason: '', wasClean: false }), 20)
  }
  send() {}
  close() {}
}
"""
"""As behind a proxy that lets no WebSocket through."""

SMALLEST_TEXT = """() => Math.min(...[...document.querySelectorAll('#app *')]
  .filter((node) => [...node.childNodes].some((each) => each.nodeType === 3 && each.textContent.trim()))
  .filter((node) => node.getBoundingClientRect().width > 0)
  .map((node) => parseFloat(getComputedStyle(node).fontSize)))"""

SPILLS = """() => {
  const root = document.documentElement
  return [root.scrollWidth - innerWidth, root.scrollHeight - innerHeight]
}"""


def missing() -> str | None:
    """Say in one sentence what these tests lack, or None."""
    if not CHROMIUM.exists():
        return "Chromium is missing: apt-get install chromium"
    if shutil.which("node") is None or not (WEB / "node_modules" / "ws").exists():
        return "the packages of the screens are not installed: cd web && npm ci"
    if not (WEB / "dist" / "build.json").exists():
        return "the screens are not built: cd web && npm run build"
    return None


class FakePlatform:
    """The fake platform of web/test, in a process of its own; calling it steers it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", "test/fake-server.mjs", "--port", "0"], cwd=WEB, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], START_SECONDS)
        assert readable, "the fake platform did not start"
        self.address = f"http://127.0.0.1:{json.loads(self._process.stdout.readline())['port']}"

    def __call__(self, verb: str, **body: Any) -> Any:
        request = urllib.request.Request(
            f"{self.address}/__fake/{verb}", json.dumps(body).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def commands(self) -> list[tuple[str, str]]:
        """The commands it was given so far: line and path."""
        return [(each["line"], each["path"]) for each in self("said")["commands"]]

    def close(self) -> None:
        """End the process and wait for it."""
        self._process.terminate()
        self._process.wait(START_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()


def picture(page: Any, name: str, *, full_page: bool = False) -> bytes:
    """Take a picture; keep it in docs/images when the run is asked to."""
    image: bytes = page.screenshot(full_page=full_page)
    assert len(image) > 8_000, "the page is blank"
    if os.environ.get("HOUZHEN_PICTURES"):
        PICTURES.mkdir(parents=True, exist_ok=True)
        (PICTURES / f"{name}.png").write_bytes(image)
    return image
