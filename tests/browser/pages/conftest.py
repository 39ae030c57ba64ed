"""What the tests of the page share: the server they are given, a browser, and a page that is watched.

What must stay true: no test passes while the page writes an error to the console, throws, breaks its own policy, or
asks any other origin than the server's. Nothing sleeps: Playwright waits for what is expected. A test
that expects an answer of 4xx says so (`watch.allow`), since browsers log those as errors.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect, sync_playwright

# A test build on a busy machine answers late.
PATIENCE = 15_000
expect.set_options(timeout=PATIENCE)

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Answer:
    status: int
    body: object
    headers: object


@dataclass(frozen=True)
class Server:
    """The server under test, for requests without a browser."""

    url: str
    token: str
    reader: str
    link: str
    secret: str
    #: A token of an organisation whose only sender reports nothing but ends, and the URL to which that sender posts.
    ends_token: str
    ends_hook: str
    #: An administrator's token of an organisation of which nothing was received.
    fresh_token: str
    tenant: str
    file: Path

    def ask(self, method, path, body=None, token=None, **headers) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                text = response.read()
                return Answer(response.status, json.loads(text) if text else None, response.headers)
        except urllib.error.HTTPError as error:
            return Answer(error.code, json.loads(error.read() or b"null"), error.headers)

    def get(self, path, **parameters):
        query = urllib.parse.urlencode({name: value for name, value in parameters.items() if value is not None})
        answer = self.ask("GET", f"{path}?{query}" if query else path)
        assert answer.status == 200, (path, answer)
        return answer.body

    def post_event(self, kind, data, hook="enrollment-events"):
        """Posts an event with the present time, signed as by a sender."""
        body = json.dumps(
            {
                "specversion": "1.0",
                "id": str(uuid.uuid4()),
                "source": "urn:test:browser",
                "type": kind,
                "time": datetime.now(timezone.utc).isoformat(),
                "data": data,
            }
        )
        identity, at = f"msg_{uuid.uuid4().hex}", str(int(time.time()))
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signature = hmac.new(key, f"{identity}.{at}.{body}".encode(), hashlib.sha256).digest()
        request = urllib.request.Request(
            f"{self.url}/hooks/{self.tenant}/{hook}",
            data=body.encode(),
            method="POST",
            headers={
                "Content-Type": "application/cloudevents+json",
                "webhook-id": identity,
                "webhook-timestamp": at,
                "webhook-signature": "v1," + base64.b64encode(signature).decode(),
            },
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            assert response.status in (200, 202), response.status

    @property
    def settled(self):
        """A range of days that can no longer change, so that API and file agree on it."""
        today = date.fromisoformat(self.get("/api/tenant")["asOf"][:10])
        return {"from": str(today - timedelta(days=20)), "to": str(today - timedelta(days=5))}

    @property
    def failed(self):
        """The newest failure with a code and a named user. Few failures have a code, so the range covers the whole
        sample."""
        first = date.fromisoformat(self.get("/api/tenant")["asOf"][:10]) - timedelta(days=40)
        report = self.get("/api/devices/enrollment-status/failures", **{"from": first, "limit": 1000})
        return next(one for one in report["failures"] if one["code"] and one["userPrincipalName"])


def given_server() -> Server:
    names = ["URL", "TOKEN", "READER", "LINK", "SECRET", "ENDS_TOKEN", "ENDS_HOOK", "FRESH_TOKEN", "TENANT", "FILE"]
    given = {name.lower(): os.environ[f"VESTIBULE_{name}"] for name in names}
    return Server(**given | {"file": Path(given["file"])})


@pytest.fixture(scope="session")
def server() -> Server:
    return given_server()


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=FLAGS)
        yield chromium
        chromium.close()


class Watch:
    """Collects what a page must not do."""

    def __init__(self, server):
        self.origin = origin_of(server.url)
        self.allowed, self.problems, self.requests = [], [], []

    def allow(self, pattern):
        """Allows console errors that match a pattern, such as `status of 401`."""
        self.allowed.append(re.compile(pattern))

    def context(self, context):
        context.on("request", self.request)
        context.on("weberror", lambda error: self.problems.append(f"page error: {error.error}"))
        context.on("console", self.console)
        context.expose_function("reportViolation", lambda text: self.problems.append(f"policy: {text}"))
        context.add_init_script(
            "addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sourceFile, lineNumber }) =>"
            " reportViolation(`${violatedDirective} ${blockedURI} ${sourceFile}:${lineNumber}`))"
        )

    def request(self, request):
        self.requests.append(request)
        if urlsplit(request.url).scheme not in ("data", "blob") and origin_of(request.url) != self.origin:
            self.problems.append(f"a request elsewhere: {request.url}")

    def console(self, message):
        text = f"{message.text} ({message.location.get('url', '')})"
        if message.type == "error" and not any(pattern.search(text) for pattern in self.allowed):
            self.problems.append(f"console: {text}")


def origin_of(url):
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@pytest.fixture
def watch(server):
    watch = Watch(server)
    yield watch
    assert watch.problems == []


@pytest.fixture
def new_page(browser, watch):
    """Makes pages, each in a browser context of its own; options are those of `new_context`."""
    contexts = []

    def make(**options) -> Page:
        options = {"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **options}
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        watch.context(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page) -> Page:
    return new_page()


@pytest.fixture
def visit(server, page):
    """Shows a view to a person signed in by token: `visit("#/status")`."""

    def show(address, heading=None, on=page, token=None):
        on.goto(f"{server.url}/{address}")
        sign_in(on, token or server.token)
        wait_for_view(on, heading)
        return on

    return show


def sign_in(page, token):
    page.get_by_label("Token", exact=True).fill(token)
    page.get_by_role("button", name="Sign in", exact=True).click()


def wait_for_view(page, heading=None):
    """Waits until a view has its heading and all its answers."""
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", level=1, name=heading) if heading else page.locator("h1")).to_be_visible()
    expect(page.locator("main .view[data-pending], main > .loading")).to_have_count(0)


def cells(table):
    """The texts of the cells of a table's body, by row."""
    return table.evaluate(
        "(table) => [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.innerText.trim()))"
    )


def lines(table):
    """The same texts, each row as a dict by the table's headings."""
    # In one call: a table may be redrawn between two.
    heads, rows = table.evaluate(
        "(table) => [[...table.tHead.querySelectorAll('th')].map((head) => head.innerText),"
        " [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.innerText.trim()))]"
    )
    return [dict(zip(heads, line, strict=True)) for line in rows]


def number(text):
    """1094 for the text `1,094`; only the first line of a cell counts."""
    return int(text.split("\n")[0].replace(",", ""))


def percent(fraction, of=0):
    """A rate as the page shows it: rounded half up, as browsers do, not half to even. A rate that is null was not
    reported if there are things that it could be `of`; without any it is a dash."""
    if fraction is None and of:
        return "not reported"
    return "—" if fraction is None else f"{int(fraction * 1000 + 0.5) / 10:.1f}%"


def tile(page, label):
    """The value of the tile with that name."""
    term = page.locator("dt").filter(has_text=re.compile(f"^{re.escape(label)}$"))
    return page.locator(".tile").filter(has=term).locator(".tile-value")


def address(page):
    """The path and the parameters after the `#`."""
    path, _, query = urlsplit(page.url).fragment.partition("?")
    return path, dict(urllib.parse.parse_qsl(query))


def query(**parameters):
    """The query of an address: `?from=…`. Names that are reserved in Python end with `_`."""
    return "?" + urllib.parse.urlencode({name.rstrip("_"): value for name, value in parameters.items()})


def tab_to(page, is_there, most=80):
    """Presses Tab until `is_there`, an expression over the focused `element`, is true. The focus must be visible at
    each stop."""
    for _ in range(most):
        page.keyboard.press("Tab")
        state = page.evaluate(f"""() => {{
          const element = document.activeElement;
          const style = getComputedStyle(element);
          return {{
            there: Boolean({is_there}),
            // In a date field, browsers highlight the part that is being typed.
            seen: element.type === 'date' || element === document.body || style.outlineStyle !== 'none'
              || style.boxShadow !== 'none',
            what: element.outerHTML.slice(0, 160),
          }};
        }}""")
        assert state["seen"], f"the focus on {state['what']} is not visible"
        if state["there"]:
            return
    raise AssertionError(f"not reached by Tab: {is_there}")
