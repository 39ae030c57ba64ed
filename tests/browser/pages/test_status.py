"""The status page. What must stay true: it refreshes without disturbing anybody; its numbers are the API's."""

import re
import uuid

from playwright.sync_api import expect

from conftest import lines, number, percent, tile, wait_for_view

STATUS = "/api/devices/enrollment-status"
HEADING = "Enrollment status"
#: Each device is in one of them.
STATES = {
    "Enrolled": "enrolled",
    "In progress": "inProgress",
    "Waiting for compliance": "waitingForCompliance",
    "Prepared": "prepared",
    "Failed": "failed",
    "Gave up": "gaveUp",
    "Pending": "pending",
    "Not enrolled": "notEnrolled",
}


def test_the_numbers_are_the_apis(server, visit, page):
    visit("#/status", HEADING)
    status = server.get(STATUS)
    states = {label: number(tile(page, label).inner_text()) for label in STATES}
    assert states == {label: status[member] for label, member in STATES.items()}
    assert sum(states.values()) == number(tile(page, "Devices").inner_text()) == status["devices"]
    assert tile(page, "First time right").inner_text() == percent(status["firstTimeRight"]["rate"])
    table = page.get_by_role("table", name="By platform")
    members = {
        "Devices, now": "total",
        "Attempts, last 7 days": "last7Days",
        "Attempts, all days": "initiated",
        "Completed, all days": "completed",
        "Failed, all days": "failed",
        "Abandoned, all days": "abandoned",
    }
    shown = lines(table)
    assert [{name: number(one[name]) for name in members} for one in shown] == [
        {name: one[member] for name, member in members.items()} for one in status["byPlatform"]
    ]
    assert [one["Success rate, all days"].split("\n")[0] for one in shown] == [
        percent(one["successRate"], one["completed"] + one["failed"] + one["abandoned"]) for one in status["byPlatform"]
    ]
    # The technician's part of pre-provisioning is a row of its own.
    assert "Windows (Pre-provisioning)" in [one["Platform"] for one in shown]
    assert len(shown) > 3


def test_devices_in_limbo_are_those_of_the_api(server, visit, page):
    visit("#/status", HEADING)
    limbo = server.get("/api/devices/limbo")
    assert number(tile(page, "Left, not back").inner_text()) == limbo["leftDevices"] > 0
    assert number(tile(page, "Never started").inner_text()) == limbo["notBegun"]
    page.locator("[data-key=limbo-devices] summary").click()
    shown = lines(page.get_by_role("table", name="Devices in limbo, newest first"))
    assert len(shown) == len(limbo["devices"])
    senders = lines(page.get_by_role("table", name="Left, by sender"))
    said = {True: lambda n: f"{n:,}", False: lambda _: "not reported"}
    assert [one["Not back"] for one in senders] == [
        said[one["removals"]](one["notBack"]) for one in limbo["sources"]
    ]


def test_a_refresh_disturbs_nobody(server, visit, page):
    page.clock.install()
    visit("#/status", HEADING)
    pending = tile(page, "Pending")
    before = number(pending.inner_text())
    summary = page.locator("summary").filter(has_text="What to do").first
    summary.click()
    details = page.locator("details[open]")
    expect(details).to_have_count(1)
    opened = details.inner_text
    expect(details).not_to_contain_text("Looking it up")
    text = opened()
    summary.focus()
    top = page.evaluate("scrollY")

    server.post_event(
        "enrollment.registered", {"device": {"serialNumber": f"PAGE{uuid.uuid4().hex[:8]}"}, "platform": "ios"}
    )
    assert server.get(STATUS)["pending"] == before + 1
    assert number(pending.inner_text()) == before
    page.clock.fast_forward(15_000)
    expect(pending).to_have_text(f"{before + 1:,}")
    expect(summary).to_be_focused()
    expect(details).to_have_count(1)
    assert opened() == text and page.evaluate("scrollY") == top


def test_it_can_be_paused_and_reports_a_failed_refresh(server, visit, page, watch):
    page.clock.install()
    visit("#/status", HEADING)
    before = number(tile(page, "Pending").inner_text())
    asked = []
    page.on("request", lambda one: asked.append(one.url) if one.url.endswith(STATUS) else None)
    pause = page.get_by_role("button", name="Pause")
    pause.click()
    expect(pause).to_have_attribute("aria-pressed", "true")
    page.clock.fast_forward(60_000)
    page.get_by_role("link", name="Skip to content").focus()
    assert asked == []

    watch.allow("Failed to load resource")
    page.route(f"**{STATUS}", lambda route: route.abort())
    page.get_by_role("button", name="Refresh now").click()
    problem = page.locator(".notice").filter(has_text="The numbers could not be refreshed")
    expect(problem).to_be_visible()
    assert number(tile(page, "Pending").inner_text()) == before
    page.unroute(f"**{STATUS}")
    pause.click()
    page.clock.fast_forward(15_000)
    expect(problem).to_have_count(0)


def test_it_stops_refreshing_after_it_is_left(visit, page):
    page.clock.install()
    visit("#/status", HEADING)
    page.get_by_role("link", name="Files", exact=True).click()
    wait_for_view(page, "Files")
    asked = []
    page.on("request", lambda one: asked.append(one.url))
    page.clock.fast_forward(60_000)
    page.get_by_role("link", name="Diagnostics", exact=True).click()
    wait_for_view(page, "Diagnostics")
    assert not [one for one in asked if STATUS in one]


def test_a_device_being_enrolled_leads_to_its_attempt(server, visit, page):
    serial = f"PAGE{uuid.uuid4().hex[:8]}"
    server.post_event(
        "enrollment.started", {"device": {"serialNumber": serial, "name": f"Phone {serial}"}, "platform": "ios"}
    )
    visit("#/status", HEADING)
    table = page.get_by_role("table", name="Devices being enrolled, newest first")
    table.get_by_role("link", name=f"Phone {serial}").click()
    wait_for_view(page, f"Attempt of Phone {serial}")
    expect(page.get_by_text("In progress").first).to_be_visible()


def test_the_board_has_the_device_nearest_to_its_limit_first_one_click_away(server, visit, page):
    visit("#/status", HEADING)
    page.get_by_role("link", name="Nearest to their limit first").click()
    wait_for_view(page, "Enrolling now")
    shown = lines(page.get_by_role("table", name="Devices being enrolled, nearest to their limit first"))
    active = server.get("/api/devices/enrollment-status/active", limit=200)["active"]
    assert len(shown) == len(active) > 2
    order = sorted((one["deadline"] for one in active if one["deadline"]), key=str)
    names = {}
    for one in active:
        names.setdefault(one["deadline"], set()).add(one["deviceName"] or one["enrollmentKey"])
    for line, deadline in zip(shown, order, strict=False):
        assert line["Device and user"].split("\n")[0] in names[deadline]
    page.clock.install()
    serial = f"PAGE{uuid.uuid4().hex[:8]}"
    server.post_event("enrollment.started", {"device": {"serialNumber": serial, "name": serial}, "platform": "ios"})
    page.reload()
    expect(page.get_by_role("link", name=serial)).to_be_visible()


def test_a_held_device_is_shown_as_waiting(server, visit, page):
    serial = f"PAGE{uuid.uuid4().hex[:8]}"
    device = {"device": {"serialNumber": serial, "name": f"Mac {serial}"}, "platform": "macos"}
    server.post_event("enrollment.started", device)
    before = server.get(STATUS)["waitingForCompliance"]
    server.post_event("enrollment.enrolled", {**device, "awaitingConfiguration": True})
    assert server.get(STATUS)["waitingForCompliance"] == before + 1
    visit("#/status", HEADING)
    row = page.get_by_role("table", name="Devices being enrolled, newest first").get_by_role("row").filter(has_text=serial)
    expect(row).to_contain_text("Held in Setup Assistant until it is released")
    row.get_by_role("link").click()
    wait_for_view(page, f"Attempt of Mac {serial}")
    expect(page.locator(".headline")).to_contain_text("Held in Setup Assistant")
    page.get_by_role("link", name="All attempts of this device").click()
    wait_for_view(page, "Attempts")
    table = page.get_by_role("table", name=re.compile("Attempts, newest first"))
    expect(table.locator("tbody tr")).to_contain_text("Held in Setup Assistant until it is released")
