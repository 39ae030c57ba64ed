"""The status page. What must stay true: it refreshes itself and disturbs nobody; its numbers are the API's."""

import uuid

from playwright.sync_api import expect

from conftest import lines, number, percent, tile, wait_for_view

STATUS = "/api/devices/enrollment-status"
HEADING = "Enrollment status"


def test_the_numbers_are_the_apis(server, visit, page):
    visit("#/status", HEADING)
    status = server.get(STATUS)
    for label, member in [
        ("Enrolled", "enrolled"),
        ("In progress", "inProgress"),
        ("Pending", "pending"),
        ("Failed", "failed"),
    ]:
        assert number(tile(page, label).inner_text()) == status[member]
    assert tile(page, "First time right").inner_text() == percent(status["firstTimeRight"]["rate"])
    table = page.get_by_role("table", name="By platform")
    members = {
        "Devices": "total",
        "Attempts, last 7 days": "last7Days",
        "Completed": "completed",
        "Failed": "failed",
        "Abandoned": "abandoned",
    }
    shown = lines(table)
    assert [{name: number(one[name]) for name in members} for one in shown] == [
        {name: one[member] for name, member in members.items()} for one in status["byPlatform"]
    ]
    assert [one["Success rate"].split("\n")[0] for one in shown] == [
        percent(one["successRate"]) for one in status["byPlatform"]
    ]
    assert len(shown) > 3


def test_it_refreshes_itself_and_disturbs_nobody(server, visit, page):
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


def test_it_can_be_paused_and_says_when_it_could_not_refresh(server, visit, page, watch):
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
    problem = page.locator(".notice").filter(has_text="It could not be refreshed")
    expect(problem).to_be_visible()
    assert number(tile(page, "Pending").inner_text()) == before
    page.unroute(f"**{STATUS}")
    pause.click()
    page.clock.fast_forward(15_000)
    expect(problem).to_have_count(0)


def test_it_stops_asking_when_it_is_left(visit, page):
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
