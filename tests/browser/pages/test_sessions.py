"""One sign-in for the whole browser. What must stay true: every tab and every link of a signed-in browser opens without
asking; where a session ends, nothing of the organisation stays on the screen, and nothing that was typed is lost."""

import re
import uuid

from playwright.sync_api import expect

from conftest import address, lines, sign_in, wait_for_view

PROFILES = "/api/devices/esp-profiles"
SIGN_IN = "Sign in to Vestibule"


def asks_to_sign_in(page):
    expect(page.get_by_role("heading", level=1)).to_have_text(SIGN_IN)
    expect(page.locator("main table, main .tile, nav")).to_have_count(0)


def test_one_sign_in_is_for_every_tab(visit, page, server):
    visit("#/status", "Enrollment status")
    # A bookmark, or the link of a colleague.
    other = page.context.new_page()
    other.goto(f"{server.url}/#/esp?apps=failing")
    wait_for_view(other, "Enrollment Status Page")
    assert address(other) == ("/esp", {"apps": "failing"})
    # A click that opens another tab.
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Files", exact=True).click(modifiers=["ControlOrMeta"])
    wait_for_view(opened.value, "Files")
    # The page of a device is an address of the API.
    session = server.get("/api/reports/esp/sessions", limit=1)["sessions"][0]
    answer = other.goto(f"{server.url}/api/devices/{session['enrollmentKey']}/esp")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_a_file_is_downloaded_by_a_session(visit, page):
    visit("#/files", "Files")
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("^Database")).first.click()
    assert download.value.suggested_filename.endswith(".sqlite")


def test_signing_out_everywhere_ends_the_other_and_loses_nothing(server, new_page, watch):
    watch.allow("status of 401")
    here, there = new_page(), new_page()
    for page, view, heading in [(here, "account", "Account"), (there, "profile/new", "New profile")]:
        page.goto(f"{server.url}/#/{view}")
        sign_in(page, server.token)
        wait_for_view(page, heading)
    wanted = f"Typed {uuid.uuid4().hex[:8]}"
    there.get_by_role("textbox", name=re.compile("^Name")).fill(wanted)

    here.get_by_role("button", name="Sign out everywhere").click()
    dialog = here.get_by_role("dialog", name="Sign out everywhere?")
    dialog.get_by_role("button", name="Sign out everywhere").click()
    expect(here.get_by_text("You are signed out everywhere.")).to_be_visible()
    asks_to_sign_in(here)
    here.reload()
    asks_to_sign_in(here)

    there.get_by_role("button", name="Create profile").click()
    expect(there.get_by_text("Your session has ended")).to_be_visible()
    asks_to_sign_in(there)
    assert address(there)[0] == "/profile/new"
    assert wanted not in there.locator("body").inner_text()
    expect(there.get_by_role("textbox", name=re.compile("^Name"))).to_have_count(0)
    # What was sent is sent again, and nothing is typed twice.
    sign_in(there, server.token)
    wait_for_view(there, wanted)
    made = [one["id"] for one in server.get(PROFILES)["value"] if one["displayName"] == wanted]
    assert len(made) == 1
    assert server.ask("DELETE", f"{PROFILES}/{made[0]}").status == 204


def test_another_person_begins_anew(server, new_page, watch):
    watch.allow("status of 401")
    page = new_page()
    page.goto(f"{server.url}/#/profile/new")
    sign_in(page, server.token)
    wait_for_view(page, "New profile")
    page.get_by_role("textbox", name=re.compile("^Name")).fill("Of the administrator")
    assert server.ask("DELETE", "/api/session?everywhere=true").status == 204
    page.get_by_role("button", name="Create profile").click()
    asks_to_sign_in(page)
    sign_in(page, server.reader)
    wait_for_view(page, "New profile")
    assert "Of the administrator" not in page.content()
    assert not [one for one in server.get(PROFILES)["value"] if one["displayName"] == "Of the administrator"]


def test_a_browser_can_be_signed_out_from_another(server, new_page, watch):
    watch.allow("status of 401")
    assert server.ask("DELETE", "/api/session?everywhere=true", token=server.reader).status == 204
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
    here, there = new_page(), new_page(user_agent=agent)
    for page in (there, here):
        page.goto(f"{server.url}/#/account")
        sign_in(page, server.reader)
        wait_for_view(page, "Account")
    table = here.get_by_role("table", name="Where you are signed in")
    assert sorted(one["Browser"] for one in lines(table)) == ["Chrome on Linux", "Firefox on Windows"]
    expect(table.get_by_text("This browser")).to_have_count(1)
    here.get_by_role("button", name=re.compile("^Sign out Firefox on Windows")).click()
    expect(table.get_by_role("row")).to_have_count(2)
    there.get_by_role("link", name="Enrollment status").click()
    expect(there.get_by_text("Your session has ended")).to_be_visible()
    asks_to_sign_in(there)


def test_the_tabs_of_a_browser_sign_out_and_in_together(server, visit, page):
    visit("#/status", "Enrollment status")
    other = page.context.new_page()
    other.goto(f"{server.url}/#/files")
    wait_for_view(other, "Files")
    page.get_by_role("button", name="Sign out", exact=True).click()
    asks_to_sign_in(page)
    asks_to_sign_in(other)
    sign_in(page, server.token)
    wait_for_view(page)
    # The other one goes on where it was.
    wait_for_view(other, "Files")
