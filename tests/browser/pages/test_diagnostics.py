"""Diagnostics. What must stay true: the view shows the API's answer in its order, and its address can be sent to
others."""

import re
import uuid

import pytest
from playwright.sync_api import expect

from conftest import address, wait_for_view


@pytest.fixture(scope="module")
def person(server):
    """A person whose enrollment failed with a code."""
    return server.failed["userPrincipalName"]


def test_a_person_is_diagnosed_from_the_form(server, visit, page, person):
    visit("#/diagnostics", "Diagnostics")
    page.get_by_role("button", name="Diagnose").click()
    expect(page.get_by_text("Enter an address or a device.")).to_be_visible()
    page.get_by_label("A person’s address or a device").fill(person)
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_be_visible()
    wait_for_view(page, "Diagnostics")
    assert address(page) == ("/diagnostics", {"user": person})
    answer = server.get("/api/diagnostics", user=person)
    expect(page.locator(".verdict")).to_contain_text(answer["summary"])
    titles = page.locator(".finding h3").all_inner_texts()
    assert titles == [f"{one['rank']}. {one['title']}" for one in answer["findings"]] and titles
    first = page.locator(".finding").first
    for text in answer["findings"][0]["evidence"] + answer["findings"][0]["steps"]:
        expect(first).to_contain_text(text)
    attempts = page.get_by_role("region", name=re.compile("attempts")).locator("tbody tr")
    expect(attempts).to_have_count(len(answer["attempts"]))
    page.reload()
    expect(page.locator(".verdict")).to_contain_text(answer["summary"])


def test_a_device_is_diagnosed_by_a_link(server, visit, page, person):
    device = server.get("/api/diagnostics", user=person)["devices"][0]
    visit(f"#/diagnostics?device={device['serialNumber'] or device['enrollmentKey']}", "Diagnostics")
    expect(page.locator(".verdict")).to_be_visible()
    expect(page.locator(".device-card").get_by_role("heading", name=device["deviceName"])).to_be_visible()


def test_an_unknown_person_is_not_seen(visit, page):
    visit("#/diagnostics?user=nobody@contoso.example", "Diagnostics")
    expect(page.locator(".verdict").get_by_role("heading", name="Not seen")).to_be_visible()


def test_a_name_of_two_devices_is_a_list_of_links(server, visit, page):
    name = f"Twin {uuid.uuid4().hex[:8]}"
    serials = [f"{name.replace(' ', '')}{number}" for number in (1, 2)]
    for serial in serials:
        data = {"platform": "ios", "device": {"serialNumber": serial, "name": name}}
        server.post_event("enrollment.started", data)
    server.post_event("enrollment.failed", {**data, "failure": {"reason": "DeviceCapReached"}})
    assert len(server.get("/api/diagnostics", device=name)["choices"]) == 2
    visit(f"#/diagnostics?device={name}", "Diagnostics")
    expect(page.locator(".verdict").get_by_role("heading", name="Which device?")).to_be_visible()
    expect(page.locator(".finding")).to_have_count(0)
    choices = page.get_by_role("table", name="Devices to choose from")
    expect(choices.locator("tbody tr")).to_have_count(2)
    choices.get_by_role("row").filter(has_text=serials[1].lower()).get_by_role("link", name=name).click()
    expect(page.locator(".verdict").get_by_role("heading", name="Failing")).to_be_visible()
    assert address(page) == ("/diagnostics", {"device": serials[1].lower()})


def test_each_of_several_devices_has_a_verdict_and_the_worst_is_first(server, visit, page):
    mark = uuid.uuid4().hex[:8]
    person = f"{mark}@contoso.example"
    for number, ends in ((1, ("enrollment.failed",)), (2, ("enrollment.enrolled", "enrollment.compliant"))):
        device = {"serialNumber": f"{mark}-{number}", "name": f"Phone {number}"}
        data = {"platform": "ios", "device": device, "user": {"principalName": person}}
        for kind in ("enrollment.started", *ends):
            server.post_event(kind, data)
    assert len(server.get("/api/diagnostics", user=person)["devices"]) == 2
    visit(f"#/diagnostics?user={person}", "Diagnostics")
    expect(page.locator(".verdict").get_by_role("heading", name="Failing")).to_be_visible()
    cards = page.locator(".device-card")
    expect(cards).to_have_count(2)
    expect(cards.nth(0)).to_contain_text("Failing")
    expect(cards.nth(1)).to_contain_text("Working")
    expect(page.locator(".finding").first).to_contain_text("Device: Phone 1")
    cards.nth(1).get_by_role("link", name="Phone 2", exact=True).click()
    expect(page.locator(".verdict").get_by_role("heading", name="Working")).to_be_visible()


def test_a_card_is_copied_for_a_ticket_with_what_was_reported_alone(server, visit, new_page):
    mark = uuid.uuid4().hex[:8]
    person = f"{mark}@contoso.example"
    data = {"platform": "ios", "device": {"serialNumber": f"{mark}-1"}, "user": {"principalName": person}}
    server.post_event("enrollment.started", data)
    server.post_event("enrollment.step.entered", {**data, "action": "TermsofUse"})
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    visit(f"#/person?user={person}", f"Devices of {person}", on=page)
    card = page.locator(".device-card")
    expect(card).to_contain_text("Terms of use")
    card.get_by_role("button", name="Copy for ticket").click()
    expect(card.get_by_text("Copied", exact=True)).to_be_visible()
    ticket = page.evaluate("navigator.clipboard.readText()").split("\n")
    # Its name, its model and an error were not reported.
    assert ticket[0] == f"Device: {mark}-1" and f"User: {person}" in ticket and "Error: not reported" in ticket
    assert "Last screen: Terms of use" in ticket
    answer = server.get("/api/diagnostics", user=person)
    assert f"Attempt: {answer['attempts'][0]['attemptId']}" in ticket
