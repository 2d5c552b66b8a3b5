"""A real browser for tests: the system's chromium, without a window, driven by its own protocol."""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowDown": 40, " ": 32}
PATIENCE_SECONDS = 60


@dataclass
class Page:
    """One open page: what it says on its console is kept, and every address it asked for."""

    socket: ClientConnection
    said: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)
    count: int = 0

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": parameters}))
        while True:
            told = json.loads(self.socket.recv(timeout=PATIENCE_SECONDS))
            if told.get("id") == self.count:
                assert "error" not in told, told
                answer: dict[str, Any] = told["result"]
                return answer
            self._note(told)

    def _note(self, told: dict[str, Any]) -> None:
        method, parameters = told.get("method"), told.get("params", {})
        if method == "Network.requestWillBeSent":
            self.asked_for.append(parameters["request"]["url"])
        elif method in ("Runtime.exceptionThrown", "Log.entryAdded"):
            self.said.append(json.dumps(parameters, ensure_ascii=False))

    def look(self, script: str) -> Any:
        """Evaluate an expression in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def open(self, path: Path) -> None:
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.navigate", url=path.as_uri())
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")

    def wait(self, script: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.look(script):
            assert time.monotonic() < end, f"the page never came to {script}"
            time.sleep(0.05)

    def press(self, key: str) -> None:
        told = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
        text = {"Enter": "\r", " ": " "}.get(key)
        self.call(
            "Input.dispatchKeyEvent", type="keyDown", **told, **({"text": text} if text else {})
        )
        self.call("Input.dispatchKeyEvent", type="keyUp", **told)

    def write(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def pdf(self) -> bytes:
        printed = self.call("Page.printToPDF", printBackground=False, preferCSSPageSize=True)
        return base64.b64decode(printed["data"])


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """Start the browser with a profile of its own; end it afterwards."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.fail("no chromium on this machine: install it (apt-get install chromium)")
    command = [
        found,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--remote-debugging-port=0",
    ]
    command += ["--no-first-run", "--disable-background-networking", f"--user-data-dir={folder}"]
    process = subprocess.Popen(
        [*command, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with connect(_address(folder, process), max_size=None) as socket:
            yield Page(socket)
            socket.send(json.dumps({"id": 0, "method": "Browser.close"}))
        process.wait(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
        process.wait()


def _address(folder: Path, process: subprocess.Popen[bytes]) -> str:
    """Wait until the browser says where it listens, and find its page's address."""
    import urllib.request

    port, end = folder / "DevToolsActivePort", time.monotonic() + PATIENCE_SECONDS
    while not port.is_file() or "\n" not in port.read_text():
        assert process.poll() is None, "the browser ended at once"
        assert time.monotonic() < end, "the browser never listened"
        time.sleep(0.05)
    with urllib.request.urlopen(f"http://127.0.0.1:{port.read_text().split()[0]}/json") as told:
        pages = json.load(told)
    address: str = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
    return address
