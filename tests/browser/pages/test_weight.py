"""The size of the page, and how often it asks. What must stay true: it is small enough for a slow line, and asks little
before it shows something, since each request may start a function; what only an opened file needs is loaded with that.
Whoever comes again loads nothing of it. `first_number.py` measures how long that takes."""

import re

from conftest import wait_for_view
from playwright.sync_api import expect

#: Bytes of script and style at a first visit, compressed.
MOST = 120_000
#: Requests before the first number at a first visit, by somebody who is signed in: the page, its style, its script,
#: whether somebody is signed in, who, and the report.
REQUESTS = 6
REPORT = "/api/reports/overview"
#: What the page loaded from the server: path, bytes, and when that was asked for and there.
LOADED = """
performance.getEntriesByType('resource').filter((one) => one.name.startsWith(location.origin)).map((one) =>
  ({ path: new URL(one.name).pathname, bytes: one.encodedBodySize, from: one.startTime, to: one.responseEnd }))
"""


def test_a_first_visit_asks_little_before_the_first_number(visit, page):
    visit("#/overview", "Overview")
    page.context.new_cdp_session(page).send("Network.clearBrowserCache")
    page.reload()
    wait_for_view(page, "Overview")
    loaded = page.evaluate(LOADED)
    answered = next(one["to"] for one in loaded if one["path"] == REPORT)
    before = [one["path"] for one in loaded if one["from"] < answered]
    # The page itself is none of these.
    assert len(before) + 1 <= REQUESTS, before
    parts = {one["path"]: one["bytes"] for one in loaded if one["path"].startswith("/assets/")}
    assert 10_000 < sum(parts.values()) < MOST, parts
    print(f"a first visit: {len(before) + 1} requests before the first number, {sum(parts.values())} bytes of {parts}")
    assert sorted(path.split("/", 3)[3] for path in parts) == ["shell/page.js", "style/page.css"]


def test_a_warm_page_asks_only_for_what_may_have_changed(visit, watch, page):
    visit("#/status", "Enrollment status")
    page.reload()
    wait_for_view(page, "Enrollment status")
    expect(page.locator(".tile-value", has_text=re.compile(r"\d")).first).to_be_visible()
    loaded = page.evaluate(
        "performance.getEntriesByType('resource').map((one) => [new URL(one.name).pathname, one.transferSize])"
    )
    parts = {path: size for path, size in loaded if path.startswith("/assets/")}
    assert len(parts) == 2 and all(re.match(r"/assets/[0-9a-f]{16}/", path) for path in parts), parts
    # From the browser's own store: not even a question whether it has changed.
    assert set(parts.values()) == {0}, parts


def test_the_page_comes_compressed_and_is_kept(server, page, watch):
    answers = []
    # Playwright takes no method of a built-in type.
    page.on("response", lambda answer: answers.append(answer))
    page.goto(server.url)
    page.get_by_label("Token", exact=True).wait_for()
    files = [one for one in answers if "/assets/" in one.url or one.url.rstrip("/") == server.url]
    assert len(files) == 3
    for one in files:
        if one.url.endswith((".js", ".css")) and int(one.header_value("content-length") or 0) > 1_000:
            assert one.header_value("content-encoding") in ("br", "gzip"), one.url
        kept = "no-cache" if one.url.rstrip("/") == server.url else "public, max-age=31536000, immutable"
        assert one.header_value("cache-control") == kept, one.url
