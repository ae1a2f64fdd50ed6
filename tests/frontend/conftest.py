"""The gallery behind uvicorn, and Chromium in front of it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the gallery, a process of its own with the portal's middleware and content policy."""
    subprocess.run([sys.executable, "frontend/vendor.py"], cwd=ROOT, check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (tmp_path_factory.mktemp("gallery") / "log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "tests.frontend.gallery:application", "--port", str(port)],
        cwd=ROOT,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.frontend.settings",
            "PORTAL_HOME": str(tmp_path_factory.mktemp("home")),
            "PORTAL_ALLOWED_HOSTS": "127.0.0.1",
        },
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(150):
            try:
                urlopen(f"{address}/sign-in/")
                break
            except OSError:
                if process.poll() is not None:
                    break
                time.sleep(0.2)
        else:
            log.seek(0)
            pytest.fail(f"The gallery did not start: {log.read()[-2000:]}")
        if process.poll() is not None:
            log.seek(0)
            pytest.fail(f"The gallery ended: {log.read()[-2000:]}")
        yield address
    finally:
        process.terminate()
        process.wait(10)
        log.close()


class Tab:
    """A browser tab with a language, a theme and a width; remembers what went wrong in it."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page: Page = context.new_page()
        self.address = address
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        self.page.on("console", self._heard)
        self.page.on("requestfailed", lambda request: self.wrong.append(f"lost: {request.url}"))
        self.page.on("response", self._answered)

    def _heard(self, message: object) -> None:
        text = str(getattr(message, "text", ""))
        if getattr(message, "type", "") == "error" and "Failed to load resource" not in text:
            self.wrong.append(text)

    def _answered(self, response: object) -> None:
        if getattr(response, "status", 0) == 404:
            self.wrong.append(f"404: {getattr(response, 'url', '')}")

    def open(self, path: str) -> Page:
        """Load a page and wait until its modules have started."""
        self.page.goto(self.address + path)
        self.page.locator("html[data-ready]").wait_for(state="attached")
        return self.page


@pytest.fixture
def open_tab(gallery: str, chromium: Browser) -> Iterator["TabOpener"]:
    opener = TabOpener(gallery, chromium)
    yield opener
    for context in opener.contexts:
        context.close()


class TabOpener:
    def __init__(self, address: str, browser: Browser) -> None:
        self.address = address
        self.browser = browser
        self.contexts: list[BrowserContext] = []

    def __call__(
        self, *, language: str = "en", theme: str = "light", width: int = 1440, scheme: str = "light"
    ) -> Tab:
        context = self.browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        context.add_cookies(
            [
                {"name": name, "value": value, "url": self.address}
                for name, value in {"django_language": language, "theme": theme}.items()
            ]
        )
        self.contexts.append(context)
        return Tab(context, self.address)
