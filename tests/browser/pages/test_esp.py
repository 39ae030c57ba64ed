"""The Enrollment Status Page: overview, sessions, a device. What must stay true: the numbers are the API's, and link to
the sessions that they count."""

import re

from playwright.sync_api import expect

from conftest import address, cells, lines, number, percent, query, wait_for_view

ESP = "/api/reports/esp"
HEADING = "Enrollment Status Page"


def shown(page, name):
    table = page.get_by_role("table", name=name, exact=True)
    return lines(table)


def test_the_overview_has_the_apis_numbers(server, visit, page):
    span = server.settled
    visit(f"#/esp{query(**span)}", HEADING)
    answer = server.get(ESP, **span, limit=20)
    members = {
        "Sessions": "sessions",
        "Failed": "failed",
        "Timed out": "timedOut",
        "In progress": "inProgress",
        "Stuck": "stuck",
    }
    profiles = shown(page, "Sessions by profile")
    assert [{name: number(one[name]) for name in members} for one in profiles] == [
        {name: one[member] for name, member in members.items()} for one in answer["byProfile"]
    ]
    assert [one["Profile"] for one in profiles] == [one["profile"] for one in answer["byProfile"]]
    assert [one["Success rate"] for one in profiles] == [
        f"{percent(one['successRate'])} (n = {one['n']:,})" for one in answer["byProfile"]
    ]
    phases = shown(page, "Phases, by profile")
    assert [[number(one[name]) for name in ("Entered", "Completed", "Failed")] for one in phases] == [
        [one["entered"], one["completed"], one["failed"]] for one in answer["byPhase"]
    ]

    page.get_by_text("Show as a table").click()
    days = shown(page, "Sessions by the day they started")
    assert [[number(one[name]) for name in ("Started", "Succeeded", "Failed", "Timed out")] for one in days] == [
        [one["started"], one["succeeded"], one["failed"], one["timedOut"]] for one in answer["byDay"]
    ]
    assert sum(one["started"] for one in answer["byDay"]) > 10

    apps = shown(page, "Apps that take longest to install")
    assert [one["App"] for one in apps] == [one["app"] for one in answer["slowestApps"]]
    page.get_by_role("button", name="Most failures first").click()
    expect(page.get_by_role("table", name="Apps that failed in most sessions")).to_be_visible()
    apps = shown(page, "Apps that failed in most sessions")
    assert [number(one["Failed in"]) for one in apps] == [one["failed"] for one in answer["failingApps"]]
    assert address(page)[1] == {**span, "apps": "failing"}


def test_from_a_profiles_number_to_a_session_to_its_device(server, visit, page):
    span = server.settled
    visit(f"#/esp{query(**span)}", HEADING)
    one = max(server.get(ESP, **span)["byProfile"], key=lambda one: one["sessions"])
    row = page.get_by_role("table", name="Sessions by profile").get_by_role("row").filter(has_text=one["profile"])
    row.get_by_role("link", name=str(one["sessions"]), exact=True).first.click()
    wait_for_view(page, "Enrollment Status Page sessions")
    assert address(page) == ("/sessions", {**span, "profileId": one["profileId"]})
    sessions = server.get(f"{ESP}/sessions", **span, profileId=one["profileId"], limit=50)["sessions"]
    table = page.get_by_role("table", name="Sessions, newest first")
    assert len(cells(table)) == len(sessions) == min(50, one["sessions"])

    session = sessions[0]
    table.locator("tbody tr").first.get_by_role("link").first.click()
    wait_for_view(page, re.compile("^Session of"))
    assert address(page) == (f"/session/{session['sessionId']}", {})
    page.get_by_role("link", name="What its user sees now").click()
    expect(page.get_by_role("heading", name="What the user sees")).to_be_visible()
    assert address(page) == (f"/device/{session['enrollmentKey']}", {})
    seen = server.get(f"/api/devices/{session['enrollmentKey']}/esp")
    for phase in seen["phases"]:
        expect(page.get_by_role("heading", name=phase["title"], exact=True)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^Session of"))
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Enrollment Status Page sessions")


def test_sessions_are_filtered(server, visit, page):
    visit("#/sessions", "Enrollment Status Page sessions")
    form = page.get_by_role("form", name="Filters")
    form.get_by_label("State").select_option("failed")
    expect(page).to_have_url(re.compile("state=failed"))
    expected = server.get(f"{ESP}/sessions", state="failed", limit=50)["sessions"]
    table = page.get_by_role("table", name="Sessions, newest first")
    expect(table.locator("tbody tr")).to_have_count(len(expected))
    expect(table.locator(".badge").filter(has_text=re.compile("^Failed$"))).to_have_count(len(expected))
    assert expected


def test_a_single_session(server, visit, page):
    failed = server.get(f"{ESP}/sessions", state="failed", limit=50)["sessions"]
    session = next(one for one in failed if one["errorCode"] and one["attemptId"])
    answer = server.get(f"{ESP}/sessions/{session['sessionId']}")
    visit(f"#/session/{session['sessionId']}", f"Session of {session['deviceName'] or session['enrollmentKey']}")
    for phase in answer["phases"]:
        expect(page.get_by_role("heading", name=phase["title"], exact=True)).to_be_visible()
    # Items are also shown if their phase was not reported.
    page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
    tables = page.get_by_role("table", name=re.compile("^Items of"))
    assert sum(len(cells(one)) for one in tables.all()) == len(answer["items"]) > 0
    expect(page.locator(".notice.problem")).to_contain_text(session["errorCode"])
    expect(page.locator(".advice")).to_have_count(len(answer["advice"]))
    page.get_by_role("link", name="Its attempt").click()
    wait_for_view(page, re.compile("^Attempt of"))
    assert address(page)[0] == f"/attempt/{session['attemptId']}"
    page.get_by_role("link", name="Its Enrollment Status Page session").click()
    wait_for_view(page, re.compile("^Session of"))
    assert address(page)[0] == f"/session/{session['sessionId']}"


def test_every_session_of_a_device_is_reached(server, visit, page):
    sessions = server.get(f"{ESP}/sessions", limit=1000)["sessions"]
    keys = [one["enrollmentKey"] for one in sessions]
    key = next(one for one in keys if keys.count(one) > 1)
    ids = [one["sessionId"] for one in sessions if one["enrollmentKey"] == key]
    visit(f"#/session/{ids[0]}", re.compile("^Session of"))
    others = page.get_by_role("table", name="Other sessions of this device, newest first")
    assert len(cells(others)) == len(ids) - 1
    others.get_by_role("link").last.click()
    expect(page).to_have_url(re.compile(f"#/session/{ids[-1]}$"))
    expect(others.get_by_role("row").filter(has_text="later")).to_have_count(len(ids) - 1)


def test_sessions_are_found_by_their_person(server, visit, page):
    sessions = server.get(f"{ESP}/sessions", limit=1000)["sessions"]
    user = next(one["userPrincipalName"] for one in sessions if one["userPrincipalName"])
    expected = [one for one in sessions if one["userPrincipalName"] == user]
    visit("#/sessions", "Enrollment Status Page sessions")
    page.get_by_label("User (whole address)").fill(user.upper())
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("table", name="Sessions, newest first").locator("tbody tr")).to_have_count(len(expected))


def test_an_unknown_session(visit, page, watch):
    watch.allow("status of 404")
    visit("#/session/00000000000000000000000000000000", "ESP session")
    expect(page.get_by_role("alert")).to_be_visible()
