"""Diagnostics. What must stay true: what is shown is the API's answer, in its order, and the address can be handed
on."""

import re

import pytest
from playwright.sync_api import expect

from conftest import address, wait_for_view


@pytest.fixture(scope="module")
def person(server):
    """Somebody whose enrollment failed, with a code."""
    return server.failed["userPrincipalName"]


def test_a_person_is_diagnosed_from_the_form(server, visit, page, person):
    visit("#/diagnostics", "Diagnostics")
    page.get_by_role("button", name="Diagnose").click()
    expect(page.get_by_text("Type an address or a device first.")).to_be_visible()
    page.get_by_label("A person’s address, or a device").fill(person)
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
    expect(page.get_by_role("table", name="Devices it is about")).to_contain_text(device["deviceName"])


def test_somebody_unknown_is_said_to_be_unknown(visit, page):
    visit("#/diagnostics?user=nobody@contoso.example", "Diagnostics")
    expect(page.locator(".verdict").get_by_role("heading", name="Not seen")).to_be_visible()
