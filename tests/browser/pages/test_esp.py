"""The Enrollment Status Page: overview, sessions, a device. What must stay true: the numbers are the API's, and lead to
the sessions that they count."""

import re

from playwright.sync_api import expect

from conftest import address, cells, lines, number, percent, query, wait_for_view

ESP = "/api/reports/esp"
HEADING = "Enrollment Status Page"


def shown(page, name):
    table = page.get_by_role("table", name=name, exact=True)
    return lines(table)


def test_the_overview_is_the_apis(server, visit, page):
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


def test_from_a_profiles_number_to_its_sessions_to_a_device(server, visit, page):
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
    expect(page.get_by_role("heading", name="What the user sees")).to_be_visible()
    assert address(page) == (f"/device/{session['enrollmentKey']}", {"session": session["sessionId"]})
    seen = server.get(f"/api/devices/{session['enrollmentKey']}/esp")
    for phase in seen["phases"]:
        expect(page.get_by_role("heading", name=phase["title"], exact=True)).to_be_visible()
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
