"""Chromium without a window: what a page looks like to its reader, and what is wrong with it.

It is spoken to over a pipe, in the DevTools protocol: one JSON message after another, each ended by
a zero byte. No other program and no package is needed.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)

needs_chromium = pytest.mark.skipif(
    PROGRAM is None, reason="Chromium is not installed: apt-get install chromium"
)

LAPTOP, TABLET, PHONE = 1280, 800, 390
A4 = 718  # what is left of 210 mm between margins of 10 mm, in pixels of 1/96 inch

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe"),
)
_PATIENCE = 60.0  # seconds for one answer, on a machine that is busy


class Browser:
    """A running Chromium; see `chromium`."""

    def __init__(self, ask: int, answer: int) -> None:
        self._ask, self._answer = ask, answer
        self._unread = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its result; events that arrive before are kept."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._ask, json.dumps(message).encode() + b"\0")
        while True:
            message = self._message()
            if message.get("id") != number:
                self.events.append(message)
            elif "error" in message:
                raise RuntimeError(f"{method}: {message['error']['message']}")
            else:
                return message["result"]

    def wait(self, method: str, session: str | None = None) -> dict[str, Any]:
        """The first event of this name, also if it has been."""
        while True:
            for event in self.events:
                if event.get("method") == method and event.get("sessionId") == session:
                    return event["params"]
            self.events.append(self._message())

    def _message(self) -> dict[str, Any]:
        until = time.monotonic() + _PATIENCE
        while b"\0" not in self._unread:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._answer], [], [], left)[0]:
                raise TimeoutError(f"Chromium did not answer within {_PATIENCE:g} s")
            part = os.read(self._answer, 1 << 20)
            if not part:
                raise ConnectionError("Chromium has ended")
            self._unread += part
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)

    @contextmanager
    def open(self, page: Path, *, width: int = LAPTOP, height: int = 900) -> Iterator[Tab]:
        """The page in a window of this width, loaded, with all images decoded."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        tab = Tab(self, attached["sessionId"], page)
        tab.load(width, height)
        yield tab
        self.call("Target.closeTarget", targetId=target)


class Tab:
    """An open page."""

    def __init__(self, browser: Browser, session: str, page: Path) -> None:
        self._browser, self._session, self.page = browser, session, page

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **params)

    def load(self, width: int, height: int) -> None:
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        phone = width < 600
        self.resize(width, height, phone=phone)
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)
        self.call("Page.navigate", url=self.page.resolve().as_uri())
        self._browser.wait("Page.loadEventFired", self._session)
        self.run("Promise.allSettled([...document.images].map(one => one.decode())).then(() => 0)")

    def resize(self, width: int, height: int = 900, *, phone: bool = False) -> None:
        scale = 2 if phone else 1
        size = {"width": width, "height": height, "screenWidth": width, "screenHeight": height}
        size |= {"deviceScaleFactor": scale, "mobile": phone}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def run(self, script: str) -> Any:
        """Value of a JavaScript expression; a promise is waited for."""
        done = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in done:
            raise RuntimeError(done["exceptionDetails"]["exception"].get("description", script))
        return done["result"].get("value")

    def click(self, selector: str, *, index: int = 0) -> None:
        """Press the left button in the middle of an element, where a reader would."""
        x, y = self.run(
            f"(() => {{ const one = document.querySelectorAll({json.dumps(selector)})[{index}];"
            "one.scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'});"
            "const box = one.getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            place = {"x": x, "y": y, "button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, **place)
        self.settle()

    def press(self, key: str) -> None:
        """Press a key by its name, such as Escape."""
        code = {"Escape": 27, "Enter": 13, "ArrowLeft": 37, "ArrowRight": 39, "Tab": 9}[key]
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            about = {"key": key, "code": key, "windowsVirtualKeyCode": code}
            self.call("Input.dispatchKeyEvent", type=kind, **about, **text)
        self.settle()

    def settle(self) -> None:
        """Wait until two frames have been drawn."""
        self.run(
            "new Promise(go => requestAnimationFrame(() => requestAnimationFrame(() => go())))"
        )

    def complaints(self) -> list[str]:
        """Errors and warnings of the console: of scripts, of loads, of the page's own policy."""
        said = []
        for event in self._events():
            told = event["params"]
            match event["method"]:
                case "Runtime.exceptionThrown":
                    details = told["exceptionDetails"]
                    said.append(details.get("exception", details).get("description", "exception"))
                case "Runtime.consoleAPICalled" if told["type"] in {"error", "warning", "assert"}:
                    said.append(" ".join(str(one.get("value")) for one in told["args"]))
                case "Log.entryAdded" if told["entry"]["level"] in {"error", "warning"}:
                    said.append(told["entry"]["text"])
        return said

    def requests(self) -> list[str]:
        """Addresses that were asked for, but the page itself and what stands inside it."""
        asked = [
            event["params"]["request"]["url"]
            for event in self._events()
            if event["method"] == "Network.requestWillBeSent"
        ]
        mine = self.page.resolve().as_uri()
        inside = ("data:", "blob:")
        return [one for one in asked if one.split("#")[0] != mine and not one.startswith(inside)]

    def audit(self) -> list[str]:
        """What a reader in this window would complain about; see `_AUDIT`."""
        return self.run(_AUDIT)

    def print(self, *, landscape: bool = False) -> bytes:
        """The page as a PDF of A4 pages."""
        size = {"paperWidth": 8.27, "paperHeight": 11.69, "landscape": landscape}
        made = self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True, **size)
        return base64.b64decode(made["data"])

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Draw what is seen, or all of the page, into a PNG."""
        made = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(made["data"]))

    def downloads(self, folder: Path) -> None:
        """Let downloads happen, into this folder."""
        self._browser.call(
            "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder)
        )

    def _events(self) -> Iterator[dict[str, Any]]:
        for event in self._browser.events:
            if event.get("sessionId") == self._session:
                yield event


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """Start Chromium with an empty profile folder, and end it with all its children."""
    theirs_in, ask = os.pipe()
    answer, theirs_out = os.pipe()
    # Out of the way of 3 and 4, which are the ends that Chromium looks for.
    ends = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 10) for one in (theirs_in, theirs_out)]
    os.close(theirs_in)
    os.close(theirs_out)

    def connect() -> None:
        for number, end in zip((3, 4), ends, strict=True):
            os.dup2(end, number)

    process = subprocess.Popen(
        [str(PROGRAM), *_FLAGS, f"--user-data-dir={profile}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        close_fds=False,
        preexec_fn=connect,
        start_new_session=True,
    )
    for end in ends:
        os.close(end)
    browser = Browser(ask, answer)
    try:
        yield browser
        with suppress(OSError, subprocess.TimeoutExpired):
            browser.call("Browser.close")
            process.wait(timeout=_PATIENCE)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(ask)
        os.close(answer)


def faults(
    browser: Browser, page: Path, *, widths: Sequence[int] = (LAPTOP, TABLET, PHONE)
) -> list[str]:
    """All that is wrong with a page that has to stand alone and be read at these widths."""
    found = []
    for width in widths:
        with browser.open(page, width=width) as tab:
            found += [f"{width} px: {fault}" for fault in tab.audit()]
            found += [f"{width} px: console: {said}" for said in tab.complaints()]
            found += [f"{width} px: asks for {address}" for address in tab.requests()]
    return found


# One sentence for each: an image that shows nothing or says nothing to who cannot see it, a link
# into the page that leads nowhere, what sticks out to the right of the page and does not scroll in
# its own box, text that is small or pale (WCAG 2: 4.5, large 3), headings that skip a level.
_AUDIT = r"""
(() => {
  const faults = [];
  const width = screen.width, root = document.scrollingElement;
  const name = (one) => one.tagName.toLowerCase() + (one.id ? "#" + one.id : "")
    + (one.className ? "." + one.className : "") + ` '${one.textContent.trim().slice(0, 30)}'`;
  const shown = (one) => one.checkVisibility({visibilityProperty: true});

  for (const image of document.images) {
    if (!image.naturalWidth) faults.push("an image does not load: " + image.src.slice(0, 60));
    if (!image.alt) faults.push("an image has no text: " + image.src.slice(0, 60));
  }
  for (const link of document.querySelectorAll("a[href^='#']"))
    if (!document.getElementById(link.getAttribute("href").slice(1)))
      faults.push("a link leads nowhere: " + link.getAttribute("href"));

  if (root.scrollWidth > width) faults.push(`the page is ${root.scrollWidth} px wide`);
  const boxed = (one) => {
    for (let box = one.parentElement; box && box !== document.body; box = box.parentElement)
      if (["auto", "scroll"].includes(getComputedStyle(box).overflowX)) return true;
    return false;
  };
  const out = (one) => shown(one) && one.getBoundingClientRect().right > width + 1 && !boxed(one);
  for (const one of document.body.querySelectorAll("*"))
    if (out(one) && ![...one.children].some(out))
      faults.push("sticks out to the right: " + name(one));

  const channels = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => c / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (one) => {
    for (let box = one; box; box = box.parentElement) {
      const colour = channels(getComputedStyle(box).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const seen = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const one = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || seen.has(one) || !shown(one)) continue;
    seen.add(one);
    const style = getComputedStyle(one), size = parseFloat(style.fontSize);
    if (size < 12) faults.push(`text of ${size} px: ` + name(one));
    const [a, b] = [light(channels(style.color)), light(ground(one))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < (size >= 24 ? 3 : 4.5))
      faults.push(`text of contrast ${contrast.toFixed(1)}: ` + name(one));
  }
  let level = 0;
  for (const head of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const mine = Number(head.tagName[1]);
    if (mine > level + 1) faults.push("a heading skips a level: " + name(head));
    level = mine;
  }
  if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
  return faults;
})()
"""
