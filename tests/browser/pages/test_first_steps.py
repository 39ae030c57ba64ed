"""What an administrator of a fresh organisation does: the first steps, tokens, settings.

What must stay true: a secret is on the page once, and nowhere after its view was left; nothing that is typed is lost
without asking."""

import dataclasses
import re
import urllib.error

import pytest
from playwright.sync_api import expect

from conftest import lines, sign_in, wait_for_view


def test_from_the_first_visit_to_the_first_event_in_three_clicks(server, page):
    page.goto(server.url)
    sign_in(page, server.fresh_token)
    wait_for_view(page)
    page.get_by_role("link", name="First steps").first.click()
    wait_for_view(page, "First steps")
    expect(page.get_by_text("Nothing has arrived yet.")).to_be_visible()
    page.get_by_label("Sender", exact=True).select_option("enrollment-events")
    page.get_by_role("button", name="Make its settings").click()
    panel = page.locator("[data-key=setup]")
    expect(panel.locator("pre.settings")).to_contain_text("/hooks/fabrikam/enrollment-events")
    address, secret = panel.locator("p > code.secret").all_inner_texts()
    assert address == f"{server.url}/hooks/fabrikam/enrollment-events" and secret.startswith("whsec_")

    sender = dataclasses.replace(server, tenant="fabrikam", secret=secret)
    # Refused, and said so with the reason, though it came by a valid secret.
    with pytest.raises(urllib.error.HTTPError):
        sender.post_event("enrollment.started", {"platform": "ios"})
    expect(page.locator(".notice.warning")).to_contain_text("invalid event")
    sender.post_event("enrollment.started", {"platform": "ios", "device": {"serialNumber": "FIRST0001"}})
    expect(page.locator(".notice.success")).to_contain_text("The first event was received.")
    assert page.get_by_text("Done", exact=True).count() == 3

    page.get_by_role("link", name="See where the devices stand").click()
    wait_for_view(page, "Enrollment status")
    assert secret not in page.content()


def test_a_token_is_shown_once_after_two_clicks(server, visit, page):
    visit("#/tokens", "Tokens")
    form = page.get_by_role("form", name="New token")
    form.get_by_label("What it is for").fill("Nightly export")
    form.get_by_role("button", name="Make a token").click()
    secret = page.locator("[data-key=made] code.secret").inner_text()
    assert server.ask("GET", "/api/tenant", token=secret).body["role"] == "reader"
    table = page.get_by_role("table", name="Tokens")
    assert "Nightly export" in [one["What it is for"] for one in lines(table)]
    page.get_by_role("link", name="Sign-ins").click()
    wait_for_view(page, "Account")
    page.get_by_role("link", name="Tokens", exact=True).click()
    wait_for_view(page, "Tokens")
    expect(table).to_contain_text("Nightly export")
    assert secret not in page.content()
    kept = page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.state, location.href])")
    assert secret not in kept

    page.get_by_role("button", name="Revoke Nightly export").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke", exact=True).click()
    expect(table).not_to_contain_text("Nightly export")
    assert server.ask("GET", "/api/tenant", token=secret).status == 401


def test_settings_that_are_typed_are_kept_until_they_are_saved(server, visit, page):
    before = server.get("/api/tenant")["settings"]
    visit("#/settings", "Settings")
    limit = page.get_by_label("Devices a person may enroll")
    expect(limit).to_have_value(str(before["deviceLimit"]))
    limit.fill("7")
    page.get_by_role("link", name="Sign-ins").click()
    wait_for_view(page, "Account")
    page.get_by_role("link", name="Settings", exact=True).click()
    wait_for_view(page, "Settings")
    expect(page.get_by_text("Your unsaved input is back in the form.")).to_be_visible()
    expect(limit).to_have_value("7")
    assert server.get("/api/tenant")["settings"] == before
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".notice.success")).to_have_text("Saved.")
    assert server.get("/api/tenant")["settings"] == {**before, "deviceLimit": 7}
    limit.fill(str(before["deviceLimit"]))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".notice.success")).to_have_text("Saved.")
    assert server.get("/api/tenant")["settings"] == before


def test_a_setting_that_is_refused_is_marked_and_one_that_alters_the_past_is_asked_about(server, visit, watch, page):
    watch.allow("status of 400")
    visit("#/settings", "Settings", token=server.fresh_token)
    limit = page.get_by_label("Devices a person may enroll")
    limit.fill("many")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(limit).to_have_attribute("aria-invalid", "true")
    expect(limit).to_be_focused()
    page.get_by_role("button", name="Discard").click()
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_role("button", name="Save", exact=True).click()
    dialog = page.get_by_role("dialog", name="Change the past?")
    expect(dialog).to_contain_text("“Time zone”")
    dialog.get_by_role("button", name="Cancel").click()
    zone = server.ask("GET", "/api/tenant", token=server.fresh_token).body["settings"]["timeZone"]
    assert zone == "UTC"
    page.get_by_role("button", name="Save", exact=True).click()
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".notice.success")).to_have_text("Saved.")
    expect(page.get_by_text(re.compile("Days and times are those of"))).to_be_visible()
    zone = server.ask("GET", "/api/tenant", token=server.fresh_token).body["settings"]["timeZone"]
    assert zone == "Europe/Berlin"


@pytest.mark.parametrize(("address", "heading"), [("#/tokens", "Tokens"), ("#/settings", "Settings")])
def test_a_reader_is_told_who_can_change_it(server, visit, page, address, heading):
    visit(address, heading, token=server.reader)
    expect(page.locator(".notice.information")).to_contain_text("An administrator can change this.")
    expect(page.get_by_role("button", name=re.compile("^(Save|Make a token)$"))).to_have_count(0)
