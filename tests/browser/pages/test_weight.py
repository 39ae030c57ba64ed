"""The size of the page. What must stay true: it is small enough for a slow line; modules for opening files are only
loaded when a file is opened, and not counted. Whoever comes again loads nothing of it."""

import gzip
import re

from conftest import wait_for_view
from playwright.sync_api import expect

MOST = 200_000
#: What of the room `file` only an opened file loads.
OFFLINE = {"api.js", "questions.js", "vfs.js", "worker.js"}


def test_the_page_is_light(server):
    files = [one for one in server.web.rglob("*") if one.is_file() and "vendor" not in one.parts]
    kept = [one for one in files if one.parent.name != "file" or one.name not in OFFLINE]
    weight = {str(one.relative_to(server.web)): len(gzip.compress(one.read_bytes(), 6)) for one in kept}
    assert len(weight) > 30
    assert sum(weight.values()) < MOST, sorted(weight.items(), key=lambda one: -one[1])[:10]


def test_a_first_visit_loads_no_offline_module(visit, watch):
    visit("#/incomplete", "Incomplete enrollments")
    assert not [one.url for one in watch.requests if "/vendor/" in one.url or one.url.endswith(".wasm")]


#: Notes when the first number is on the page, in milliseconds since the visit began.
FIRST_NUMBER = """
new MutationObserver((_, observer) => {
  const shown = [...document.querySelectorAll('.tile-value')].some((one) => /\\d/.test(one.textContent));
  if (!shown) return;
  globalThis.firstNumber = performance.now();
  observer.disconnect();
}).observe(document, { childList: true, subtree: true, characterData: true });
"""


def test_a_warm_page_asks_only_for_what_may_have_changed(visit, watch, page):
    page.add_init_script(FIRST_NUMBER)
    visit("#/status", "Enrollment status")
    times = []
    for _ in range(7):
        page.reload()
        wait_for_view(page, "Enrollment status")
        expect(page.locator(".tile-value", has_text=re.compile(r"\d")).first).to_be_visible()
        times.append(page.evaluate("globalThis.firstNumber"))
    loaded = page.evaluate(
        "performance.getEntriesByType('resource').map((one) => [new URL(one.name).pathname, one.transferSize])"
    )
    parts = {path: size for path, size in loaded if path.startswith("/assets/")}
    assert len(parts) > 20 and all(re.match(r"/assets/[0-9a-f]{16}/", path) for path in parts), parts
    # From the browser's own store: not even a question whether it has changed.
    assert set(parts.values()) == {0}, parts
    times.sort()
    print(f"first number on a warm page: median {times[len(times) // 2]:.0f} ms, of {[round(one) for one in times]}")
    # Far above what it takes, since test builds run on busy machines.
    assert times[len(times) // 2] < 3_000, times


def test_the_page_comes_compressed_and_is_kept(server, page, watch):
    answers = []
    # Playwright takes no method of a built-in type.
    page.on("response", lambda answer: answers.append(answer))
    page.goto(server.url)
    page.get_by_label("Token", exact=True).wait_for()
    files = [one for one in answers if "/assets/" in one.url or one.url.rstrip("/") == server.url]
    assert len(files) > 10
    for one in files:
        if one.url.endswith((".js", ".css")) and int(one.header_value("content-length") or 0) > 1_000:
            assert one.header_value("content-encoding") in ("br", "gzip"), one.url
        kept = "no-cache" if one.url.rstrip("/") == server.url else "public, max-age=31536000, immutable"
        assert one.header_value("cache-control") == kept, one.url
