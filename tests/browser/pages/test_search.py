"""The search: Ctrl+K, a part of a name, an arrow, Enter.

What must stay true: it suggests what the API does, works without a mouse, and also on an opened file.
"""

from playwright.sync_api import expect

from conftest import address, sign_in, wait_for_view
from test_access import violations
from test_offline import open_file


def field(page):
    return page.get_by_role("combobox", name="Search people, devices, apps, codes, steps")


def test_a_person_is_found_by_part_of_her_name_without_a_click(server, visit, page):
    visit("#/status", "Enrollment status")
    person = server.failed["userPrincipalName"]
    part = person[1 : person.index("@")]
    page.keyboard.press("Control+k")
    expect(field(page)).to_be_focused()
    page.keyboard.type(part)
    found = server.get("/api/search", text=part, limit=6)["people"]
    people = page.get_by_role("group", name="People").get_by_role("option")
    expect(people).to_have_count(len(found))
    assert [one.split("\n")[0] for one in people.all_inner_texts()] == [one["userPrincipalName"] for one in found]
    at = [one["userPrincipalName"] for one in found].index(person)
    for _ in range(at + 1):
        page.keyboard.press("ArrowDown")
    expect(people.nth(at)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    wait_for_view(page, "Diagnostics")
    assert address(page) == ("/diagnostics", {"user": person})


def test_escape_leads_back_and_a_view_is_found_by_its_title(server, visit, page):
    visit("#/files", "Files")
    button = page.get_by_role("button", name="Search", exact=True)
    button.click()
    page.keyboard.press("Escape")
    expect(field(page)).to_have_count(0)
    expect(button).to_be_focused()
    button.click()
    field(page).fill("sender")
    page.get_by_role("option", name="Senders").click()
    wait_for_view(page, "Senders")
    button.click()
    field(page).fill("zzzz")
    expect(page.get_by_role("status").filter(has_text="Nothing was reported")).to_be_visible()


def test_everybody_can_use_it(server, new_page):
    page = new_page(color_scheme="light", reduced_motion="reduce")
    page.goto(server.url)
    sign_in(page, server.token)
    wait_for_view(page)
    page.keyboard.press("Control+k")
    field(page).fill("co")
    expect(page.get_by_role("dialog").get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    found = violations(page)
    page.emulate_media(color_scheme="dark")
    assert found + violations(page) == []


def test_an_opened_file_is_searched_too(server, page):
    open_file(page, server, server.file)
    person = server.failed["userPrincipalName"]
    page.keyboard.press("Control+k")
    field(page).fill(person)
    page.get_by_role("dialog").get_by_role("option").filter(has_text=person).first.click()
    # The same cards as of the server, as far as the file has what they say.
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Devices of {person}")
    assert address(page) == ("/person", {"user": person})
    devices = server.get("/api/diagnostics", user=person)["devices"]
    cards = page.locator(".device-card")
    expect(cards).to_have_count(len(devices))
    # A person may have two devices of one name.
    names = [device["deviceName"] or device["enrollmentKey"] for device in devices]
    for name in names:
        expect(cards.get_by_role("heading", name=name, exact=True)).to_have_count(names.count(name))
    expect(cards.first.get_by_role("button", name=f"Copy for ticket: ")).to_be_visible()
    page.get_by_role("link", name="All attempts of this person").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Attempts")
    assert address(page)[1]["user"] == person
