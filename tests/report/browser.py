"""Open a page in a real browser without a window; print what was seen as JSON. Run by test_browser.py.

Usage: browser.py PAGE.html PRINTED.pdf WIDTH light|dark
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

PAGE, PRINTED, WIDTH, SCHEME = sys.argv[1:]
os.environ["QT_QPA_PLATFORM"] = "offscreen"
# in a container there is neither a GPU nor a sandbox; the page is our own
os.environ["QTWEBENGINE_CHROMIUM_FLAGS"] = (
    f"--no-sandbox --disable-gpu --blink-settings=preferredColorScheme={1 if SCHEME == 'light' else 0}"
)

try:
    from PyQt6.QtCore import QTimer, QUrl
    from PyQt6.QtWebEngineCore import (
        QWebEnginePage,
        QWebEngineProfile,
        QWebEngineSettings,
        QWebEngineUrlRequestInfo,
        QWebEngineUrlRequestInterceptor,
    )
    from PyQt6.QtWebEngineWidgets import QWebEngineView
    from PyQt6.QtWidgets import QApplication
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(77)  # a system library is missing

_LOOK = """
window.seen = null;
const told = run => run.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' '));
axe.run().then(run => { window.seen = JSON.stringify({
  violations: told(run.violations), unsure: told(run.incomplete), passed: run.passes.length,
  paper: getComputedStyle(document.body).backgroundColor,
  pictures: [...document.querySelectorAll('svg')].map(picture => picture.getBoundingClientRect().width),
  inks: [...document.querySelectorAll('svg [id$=text_1] > g')].map(ink => getComputedStyle(ink).fill),
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
}) });
"""

requests: list[str] = []
console: list[str] = []


class _Requests(QWebEngineUrlRequestInterceptor):
    def interceptRequest(self, info: QWebEngineUrlRequestInfo) -> None:
        requests.append(info.requestUrl().toString())


class _Page(QWebEnginePage):
    def javaScriptConsoleMessage(self, level: object, message: str, line: int, source: str) -> None:
        console.append(message)


app = QApplication(sys.argv[:1])
profile = QWebEngineProfile()
watcher = _Requests()
profile.setUrlRequestInterceptor(watcher)
page = _Page(profile)
view = QWebEngineView()
view.setPage(page)
view.resize(int(WIDTH), 1200)
view.show()
settings = page.settings()
assert settings is not None
seen: dict[str, object] = {}


def without_scripts(loaded: bool) -> None:
    """The first time: what can be read where JavaScript is switched off."""
    page.loadFinished.disconnect()
    seen["loaded"] = loaded
    page.toPlainText(again)


def again(text: str) -> None:
    """Once more with JavaScript."""
    seen["text"] = text
    settings.setAttribute(QWebEngineSettings.WebAttribute.JavascriptEnabled, True)
    page.loadFinished.connect(look)
    page.load(QUrl.fromLocalFile(PAGE))


def look(loaded: bool) -> None:
    """Let axe judge the page; what comes to the console before that is the page's own."""
    seen["console"] = list(console)
    axe = importlib.util.find_spec("axe_core_python")
    assert axe is not None
    assert axe.origin is not None
    page.runJavaScript(Path(axe.origin).with_name("axe.min.js").read_text() + _LOOK)
    wait()


def wait() -> None:
    """Ask until axe has finished."""
    page.runJavaScript("window.seen", lambda found: print_page(found) if found else QTimer.singleShot(100, wait))


def print_page(found: str) -> None:
    """To paper."""
    seen.update(json.loads(found))
    page.pdfPrintingFinished.connect(lambda path, done: app.exit(0 if done else 1))
    page.printToPdf(PRINTED)


settings.setAttribute(QWebEngineSettings.WebAttribute.JavascriptEnabled, False)
page.loadFinished.connect(without_scripts)
page.load(QUrl.fromLocalFile(PAGE))
QTimer.singleShot(60_000, lambda: app.exit(1))
status = app.exec()
print(json.dumps({**seen, "requests": requests}))
sys.stdout.flush()
os._exit(status)  # Qt's own end takes objects down in an order that depends on Python's
