"""The coverage of the numbers. What must stay true: what no sender reports is shown as "not reported" and never as
zero; a sender that does not report everything is named above the numbers."""

import json
import re
import urllib.request
import uuid

import pytest
from playwright.sync_api import expect

from conftest import lines, number, query, sign_in, tile, wait_for_view
from test_access import violations

DEVICES = 3


@pytest.fixture(scope="module")
def only_ends(server):
    """A token of an organisation whose only sender reports nothing but that devices are enrolled."""
    for at in range(DEVICES):
        body = {
            "event": {
                "deviceName": f"iPad {at}",
                "model": "iPad11,6",
                "modelDisplay": "iPad (8th generation)",
                "osVersion": "17.5.1",
                "serialNumber": f"ENDS{uuid.uuid4().hex[:8]}",
                "username": "mara.smith@example.com",
            },
            "webhook": {"id": 7, "name": "Vestibule", "webhookEvent": "MobileDeviceEnrolled"},
        }
        request = urllib.request.Request(
            server.ends_hook, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            assert response.status == 200
    return server.ends_token


def show(page, server, token, address, heading):
    page.goto(f"{server.url}/{address}")
    sign_in(page, token)
    wait_for_view(page, heading)


def coverage(page):
    return page.locator("details.coverage")


def test_one_line_shows_the_coverage(server, page, only_ends):
    show(page, server, only_ends, "#/incomplete", "Incomplete enrollments")
    line = coverage(page)
    expect(line.locator("summary")).to_have_text(
        f"{DEVICES} of {DEVICES} enrollments come from jamf:webhooks, which reports only the end: "
        "no give-ups, no failures, no times."
    )
    line.locator("summary").click()
    table = line.get_by_role("table", name="Senders, and what each reports")
    [jamf] = lines(table)
    expected = {"Starts": "no", "Screens": "no", "Stops": "no", "Failures": "no", "Ends": "yes", "Compliance": "no"}
    assert {name: jamf[name] for name in expected} == expected
    assert (jamf["Sender"], number(jamf["Enrollments"])) == ("jamf:webhooks", DEVICES)
    expect(line.get_by_role("link", name=re.compile("What each product can report"))).to_have_attribute(
        "href", re.compile("docs/SOURCES")
    )
    for address, heading in [
        ("#/status", "Enrollment status"),
        ("#/attempts", "Attempts"),
    ]:
        page.goto(f"{server.url}/{address}")
        wait_for_view(page, heading)
        expect(coverage(page).locator("summary")).to_contain_text("which reports only the end")


def test_what_no_sender_reports_is_not_zero(server, page, only_ends):
    show(page, server, only_ends, "#/incomplete", "Incomplete enrollments")
    assert number(tile(page, "Initiated").inner_text()) == DEVICES
    expect(tile(page, "Incomplete")).to_have_text("not reported")
    expect(tile(page, "Incomplete rate")).to_have_text("not reported")
    expect(page.locator(".headline")).to_have_text("No sender reported whether anybody gave up in these days.")
    expect(page.get_by_text("no sender that was active in these days reports screens")).to_be_visible()
    # There is no chart or table of zeros.
    expect(page.locator("main .chart, main table.places")).to_have_count(0)

    page.goto(f"{server.url}/#/status")
    wait_for_view(page, "Enrollment status")
    for name in ("First time right", "Failed", "Gave up"):
        expect(tile(page, name)).to_have_text("not reported")
    platforms = {one["Platform"]: one for one in lines(page.get_by_role("table", name="By platform"))}
    ios = platforms["iOS/iPadOS"]
    assert number(ios["Completed, all days"]) == DEVICES
    for name in ("Failed, all days", "Abandoned, all days", "Success rate, all days", "Average time, all days"):
        assert ios[name].split("\n")[0] == "not reported", name

    page.goto(f"{server.url}/#/attempts")
    wait_for_view(page, "Attempts")
    shown = lines(page.get_by_role("table", name=re.compile("Attempts, newest first")))
    assert [one["Took"] for one in shown] == ["not reported"] * DEVICES
    page.locator("[data-key=list] tbody a").first.click()
    wait_for_view(page, re.compile("^Attempt of"))
    expect(page.locator(".headline")).to_contain_text("how long it took was not reported")
    for text in ("NaN", "null", "undefined", "Invalid"):
        assert text not in page.locator("main").inner_text()


def test_everybody_can_use_it(server, new_page, only_ends):
    page = new_page(reduced_motion="reduce")
    found = {}
    show(page, server, only_ends, "#/incomplete", "Incomplete enrollments")
    for address in ("#/incomplete", "#/status"):
        page.goto(f"{server.url}/{address}")
        wait_for_view(page)
        expect(coverage(page)).to_be_visible()
        coverage(page).locator("summary").click()
        found[address] = violations(page)
    assert {where: what for where, what in found.items() if what} == {}


def test_without_gaps_the_line_is_quiet(server, visit, page):
    visit(f"#/incomplete{query(**server.settled)}", "Incomplete enrollments")
    answer = server.get("/api/reports/coverage", **server.settled)
    expect(coverage(page).locator("summary")).to_have_text(answer["sentence"])
    lacking = [one for one in answer["sources"] if one["lacking"]]
    expect(page.locator("details.coverage.lacking")).to_have_count(1 if lacking else 0)
