"""Opening a report file in the page, without the server. What must stay true: the page shows the same numbers as the
server does for these days, no data of the file leaves the browser, and none stays after the file is closed."""

import re
import sqlite3
import urllib.parse
import urllib.request
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from conftest import cells, lines, number, percent, query, sign_in, tile, wait_for_view
from test_access import sideways, violations
from test_status import STATES


ALL_DAYS = ("Completed, all days", "Failed, all days", "Abandoned, all days")

#: A file and its summary as the version before made them.
OLD_FILES = Path(__file__).parents[3] / "shared/report/tests/data"


@pytest.fixture(scope="module")
def summary(server, tmp_path_factory):
    """The newest file's summary, which has no single attempts."""
    link = server.get("/api/reports/files/latest/link", part="summary")
    path = tmp_path_factory.mktemp("summary") / link["fileName"]
    with urllib.request.urlopen(urllib.parse.urljoin(server.url, link["url"])) as response:
        path.write_bytes(response.read())
    return path


def choose(page, path):
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Open a report file").click()
    chooser.value.set_files(path)


def open_file(page, server, path):
    """Opens a file from the sign-in view, without a token."""
    page.goto(server.url)
    choose(page, path)
    expect(bar(page)).to_contain_text(path.name)
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(page.locator("main .tile").first).to_be_visible()


def bar(page):
    return page.get_by_role("complementary", name="Opened file")


def go(page, address, heading, content):
    """Shows another view of the open file: the address changes, the page is not reloaded."""
    # By way of an unknown address, so that the view before is not mistaken for this one.
    for one in ("#/nowhere", address):
        page.evaluate("(address) => { location.hash = address; }", one)
        if one != address:
            expect(page.get_by_role("heading", level=1)).to_have_text("Page not found")
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    expect(page.locator("main .view[data-pending], main > .loading")).to_have_count(0)
    expect(page.locator(f"main {content}").first).to_be_visible()
    # Tables in closed sections are compared too.
    page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")


def numbers(page):
    """Every table's and tile's text, with its name."""
    tables = {
        table.get_by_role("caption").inner_text() if table.get_by_role("caption").count() else at: cells(table)
        for at, table in enumerate(page.locator("main table").all())
    }
    return {"tiles": page.locator("main .tile-value").all_inner_texts(), **tables}


def test_a_file_shows_what_the_server_shows(server, new_page):
    span = server.settled
    # Weeks count whole: that of a day so long ago is over.
    over = span | {"to": str(date.fromisoformat(span["to"]) - timedelta(days=3))}
    views = [
        (f"#/overview{query(**over)}", "Overview", "table.steps"),
        (f"#/overview{query(**over, os='android', section='termsOfUse')}", "Overview", "table.steps"),
        (f"#/incomplete{query(**span)}", "Incomplete enrollments", "table.places"),
        (f"#/incomplete{query(**span, os='ios', section='setupChecklist')}", "Incomplete enrollments", "table.places"),
        (f"#/attempts{query(**span, outcome='abandoned')}", "Attempts", "[data-key=list] tbody tr"),
        (f"#/esp{query(**span)}", "Enrollment Status Page", ".card"),
        (f"#/sessions{query(**span)}", "Enrollment Status Page sessions", "tbody tr"),
    ]
    online, offline = new_page(), new_page()
    online.goto(server.url)
    sign_in(online, server.token)
    wait_for_view(online)
    open_file(offline, server, server.file)
    for address, heading, content in views:
        for page in (online, offline):
            go(page, address, heading, content)
            # The coverage is a separate request and may arrive later.
            line = page.locator("details.coverage > summary")
            expect(line).to_have_count(0 if "#/sessions" in address else 1)
        expected = numbers(online)
        assert numbers(offline) == expected, address
        if "#/sessions" not in address:
            assert line.inner_text() == online.locator("details.coverage > summary").inner_text()
        assert len(expected) > 1, address

    # Sessions, whether or not they are the newest of their device.
    sessions = server.get("/api/reports/esp/sessions", **span, limit=3)["sessions"]
    for session in sessions:
        for page in (online, offline):
            go(page, f"#/session/{session['sessionId']}", re.compile("^Session of"), ".facts")
        assert numbers(offline) == numbers(online), session
        for part in (".facts", ".headline"):
            assert offline.locator(part).inner_text() == online.locator(part).inner_text()

    # An attempt, and the meaning of its failure.
    failed = server.get("/api/reports/incomplete-enrollments/attempts", **span, outcome="failed", limit=1)["attempts"][
        0
    ]
    for page in (online, offline):
        go(page, f"#/attempt/{failed['attemptId']}", re.compile("^Attempt of"), ".timeline")
    assert offline.locator(".timeline").inner_text() == online.locator(".timeline").inner_text()
    assert offline.locator(".facts").inner_text() == online.locator(".facts").inner_text()


def test_an_opened_file_leads_from_the_board_of_apps_to_the_sessions_of_one(server, new_page):
    span = server.settled
    app = server.get("/api/reports/apps", **span)["apps"][0]["app"]
    online, offline = new_page(), new_page()
    online.goto(server.url)
    sign_in(online, server.token)
    wait_for_view(online)
    open_file(offline, server, server.file)
    steps = [
        ("Apps", "table", lambda page: page.get_by_role("link", name=app, exact=True).first),
        (app, ".tile", lambda page: tile(page, "Failed").get_by_role("link")),
        ("Enrollment Status Page sessions", "tbody tr", None),
    ]
    for page in (online, offline):
        go(page, f"#/apps{query(**span)}", *steps[0][:2])
    for heading, content, leads_on in steps:
        for page in (online, offline):
            expect(page.get_by_role("heading", level=1, name=heading)).to_be_visible()
            expect(page.locator("main .view[data-pending], main > .loading")).to_have_count(0)
            expect(page.locator(f"main {content}").first).to_be_visible()
        assert numbers(offline) == numbers(online), heading
        for page in (online, offline) if leads_on else ():
            leads_on(page).click()


def test_the_status_is_that_of_the_files_instant(server, page):
    open_file(page, server, server.file)
    go(page, "#/status", "Enrollment status", ".tile")
    with sqlite3.connect(f"file:{server.file}?mode=ro", uri=True) as file:
        file.row_factory = sqlite3.Row
        status = file.execute("SELECT * FROM status_summary").fetchone()
        right = file.execute("SELECT rate FROM first_time_right").fetchone()
        columns = "platform, total, completed, failed, abandoned"
        platforms = file.execute(f"SELECT {columns} FROM status_by_platform").fetchall()
    shown = {
        label: number(tile(page, label).inner_text()) for label in [*STATES, "Devices"]
    }
    columns = [re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", member) for member in STATES.values()]
    assert list(shown.values()) == [status[column] for column in [*columns, "devices"]]
    assert sum(status[column] for column in columns) == status["devices"]
    assert tile(page, "First time right").inner_text() == percent(right["rate"])
    table = page.get_by_role("table", name="By platform")
    assert {
        one["Platform"]: [number(one[name]) for name in ("Devices, now", *ALL_DAYS)]
        for one in lines(table)
    } == {one["platform"]: [one["total"], one["completed"], one["failed"], one["abandoned"]] for one in platforms}


def test_nothing_of_a_file_leaves_the_browser(server, page, watch):
    open_file(page, server, server.file)
    # Before there is a file, the page finds out whether the browser is signed in.
    assert [one.url for one in watch.requests if "/api/" in one.url] == [f"{server.url}/api/session"]
    watch.requests.clear()
    for address, heading, content in [
        ("#/status", "Enrollment status", ".tile"),
        ("#/esp", "Enrollment Status Page", ".card"),
        ("#/attempts?outcome=failed", "Attempts", "[data-key=list] tbody"),
    ]:
        go(page, address, heading, content)
    assert not [one.url for one in watch.requests if "/api/" in one.url or one.method != "GET"]
    # Only the page's own modules may still be fetched.
    assert all(
        re.search(r"/(assets/[0-9a-f]+/[a-z]+/[a-z0-9.-]+|config\.json)?$", one.url) or one.url.startswith("data:")
        for one in watch.requests
    )
    # No store of the browser has data of the file.
    kept = "async () => [sessionStorage, await indexedDB.databases(), await caches.keys()].map((one) => one.length)"
    assert page.evaluate(kept) == [0, 0, 0]


def test_closing_a_file_leads_back(server, page, visit):
    open_file(page, server, server.file)
    page.get_by_role("button", name="Close file").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in to Vestibule")
    expect(bar(page)).to_have_count(0)
    expect(page.locator("main table, main .tile")).to_have_count(0)

    sign_in(page, server.token)
    wait_for_view(page, "Overview")
    page.get_by_role("link", name="Files", exact=True).click()
    wait_for_view(page, "Files")
    choose(page, server.file)
    expect(bar(page)).to_be_visible()
    expect(page.get_by_role("link", name="Diagnostics", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Close file").click()
    wait_for_view(page, "Overview")
    expect(page.get_by_role("link", name="Diagnostics", exact=True)).to_be_visible()


def test_a_published_file_is_opened_from_the_list(server, visit, page):
    visit("#/files", "Files")
    page.get_by_role("button", name=re.compile("^Open here")).first.click()
    expect(bar(page)).to_contain_text("You are looking at a file")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(page.locator("main .tile").first).to_be_visible()


def test_a_summary_has_the_sums_and_names_what_is_missing(server, new_page, summary):
    span = server.settled
    page = new_page()
    open_file(page, server, summary)
    expect(bar(page)).to_contain_text("You are looking at a summary")
    go(page, f"#/overview{query(**span)}", "Overview", "table.steps")
    overview = server.get("/api/reports/overview", **span)
    assert number(tile(page, "Initiated").inner_text()) == overview["periods"][0]["initiated"]
    expect(page.locator(".headline")).to_contain_text(percent(overview["periods"][0]["abandonedRate"]))
    go(page, f"#/incomplete{query(**span)}", "Incomplete enrollments", "table.places")
    report = server.get("/api/reports/incomplete-enrollments", **span)
    assert number(tile(page, "Initiated").inner_text()) == report["initiated"]
    go(page, f"#/attempts{query(**span)}", "Attempts", ".notice")
    expect(page.locator("main .notice")).to_contain_text("no single attempts")


def test_a_file_that_is_not_a_report_is_refused_with_a_message(server, page, tmp_path):
    page.goto(server.url)
    other, text = tmp_path / "other.sqlite", tmp_path / "text.sqlite"
    text.write_text("This is no database. " * 400)
    with sqlite3.connect(other) as file:
        file.execute("CREATE TABLE meta (key, value)")
    for path in (text, other):
        choose(page, path)
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("This can’t be opened")
        expect(dialog.get_by_role("alert")).to_be_visible()
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in to Vestibule")


def test_a_file_of_the_version_before_is_refused_with_advice(server, page):
    page.goto(server.url)
    for name, version in (("schema-3.sqlite", "3"), ("schema-3-summary.sqlite", "1003")):
        choose(page, OLD_FILES / name)
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("This file has another version")
        expect(dialog.get_by_role("alert")).to_contain_text(f"Its version is {version};")
        expect(dialog.get_by_role("alert")).to_contain_text("export a new one")
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)


def test_everybody_can_use_it(server, new_page):
    page = new_page(color_scheme="light", reduced_motion="reduce")
    open_file(page, server, server.file)
    found = {"light": violations(page)}
    page.emulate_media(color_scheme="dark")
    found["dark"] = violations(page)
    found["360 px"] = sideways(page)
    assert {where: what for where, what in found.items() if what} == {}


@pytest.mark.parametrize("part", ["file", "summary"])
def test_a_file_shows_its_annotations_and_no_form(server, summary, page, part):
    open_file(page, server, server.file if part == "file" else summary)
    expect(page.get_by_role("list", name="Annotations")).to_contain_text("A letter to all staff")
    expect(page.locator(".line-picture .note")).to_have_count(1)
    expect(page.get_by_text("Write down what you did")).to_have_count(0)
