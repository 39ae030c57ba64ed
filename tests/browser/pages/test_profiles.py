"""Profiles of the Enrollment Status Page. What must stay true: each refused value has its error at its field, a profile
can be moved by keyboard as well as by dragging, and changes of others are not overwritten unseen."""

import re
import uuid

import pytest
from playwright.sync_api import expect

from conftest import address, tab_to, wait_for_view

PROFILES = "/api/devices/esp-profiles"
LIST = "Enrollment Status Page profiles"


@pytest.fixture
def make(server):
    """Makes profiles, and deletes them after the test."""
    made = []

    def one(**members):
        name = f"Test {uuid.uuid4().hex[:8]}"
        answer = server.ask("POST", PROFILES, {"displayName": name, "showInstallationProgress": True, **members})
        assert answer.status == 201, answer
        made.append(answer.body["id"])
        return answer.body

    yield one
    for identity in made:
        server.ask("DELETE", f"{PROFILES}/{identity}")


def order(server):
    return [one["displayName"] for one in server.get(PROFILES)["value"] if not one["isDefault"]]


def shown_order(page):
    return page.locator(".esp-profile:not(.default) h2 a").all_inner_texts()


def test_a_profile_is_made_with_errors_at_their_fields(server, visit, page):
    visit("#/profiles", LIST)
    page.get_by_role("link", name="New profile").click()
    wait_for_view(page, "New profile")
    name, limit = (
        page.get_by_role("textbox", name=re.compile("^Name")),
        page.get_by_role("textbox", name="Time limit in minutes"),
    )
    limit.fill("2000")
    page.get_by_role("button", name="Create profile").click()
    for field, text in [(name, "required"), (limit, "between 1 and 1440")]:
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(re.compile(text))
    expect(name).to_be_focused()
    assert not [one for one in order(server) if one == ""]

    wanted = f"Made {uuid.uuid4().hex[:8]}"
    name.fill(wanted)
    limit.fill("45")
    expect(name).not_to_have_attribute("aria-invalid", "true")
    page.get_by_text("As ids").click()
    page.get_by_role("textbox", name="Ids of the apps").fill("app-1\napp-2")
    page.get_by_label("People may collect logs").check()
    page.get_by_role("button", name="Create profile").click()
    wait_for_view(page, wanted)
    identity = address(page)[0].removeprefix("/profile/")
    made = server.get(f"{PROFILES}/{identity}")
    assert (made["displayName"], made["installProgressTimeoutInMinutes"]) == (wanted, 45)
    assert made["selectedMobileAppIds"] == ["app-1", "app-2"] and made["allowLogCollectionOnInstallFailure"]

    limit = page.get_by_role("textbox", name="Time limit in minutes")
    expect(limit).to_have_value("45")
    limit.fill("50")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".notice.success")).to_contain_text("Saved as version 2")
    assert server.get(f"{PROFILES}/{identity}")["installProgressTimeoutInMinutes"] == 50

    page.get_by_role("navigation", name="Enrollment Status Page").get_by_role("link", name="Profiles").click()
    wait_for_view(page, LIST)
    page.get_by_role("button", name=f"Delete {wanted}").click()
    dialog = page.get_by_role("dialog", name=f"Delete “{wanted}”?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    assert wanted in order(server)
    page.get_by_role("button", name=f"Delete {wanted}").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.locator(".notice.success")).to_contain_text("is deleted")
    assert wanted not in order(server) and wanted not in shown_order(page)


def test_an_error_that_only_the_server_finds_is_shown_at_its_field(visit, page, make, watch):
    watch.allow("status of 400")
    first = make()
    visit("#/profile/new", "New profile")
    page.get_by_role("textbox", name=re.compile("^Name")).fill(first["displayName"])
    page.route(
        f"**{PROFILES}",
        lambda route: route.fulfill(
            status=400,
            json={
                "title": "The profile is not valid",
                "status": 400,
                "errors": [{"field": "selectedMobileAppIds[1]", "problem": "must be a text"}],
            },
        ),
    )
    page.get_by_role("button", name="Create profile").click()
    # Its ids are unfolded, since one of them is wrong.
    apps = page.get_by_role("textbox", name="Ids of the apps")
    expect(apps).to_have_attribute("aria-invalid", "true")
    expect(apps).to_be_focused()
    expect(page.get_by_role("textbox", name=re.compile("^Name"))).to_have_value(first["displayName"])


def test_a_profile_is_moved_by_keyboard(server, visit, page, make):
    one, other = make(), make()
    visit("#/profiles", LIST)
    before = order(server)
    assert shown_order(page) == before and before[-2:] == [one["displayName"], other["displayName"]]
    tab_to(page, f"element.getAttribute('aria-label') === 'Move {other['displayName']} up'")
    page.keyboard.press("Enter")
    expect(page.locator(".esp-profile:not(.default) h2 a").nth(len(before) - 2)).to_have_text(other["displayName"])
    expect(page.get_by_role("button", name=f"Move {other['displayName']} up")).to_be_focused()
    expect(page.locator("#live")).to_contain_text(f"{other['displayName']} is now {len(before) - 1} of {len(before)}")
    assert order(server) == shown_order(page) == before[:-2] + [other["displayName"], one["displayName"]]
    page.keyboard.press("Space")
    expect(page.locator(".esp-profile:not(.default) h2 a").nth(len(before) - 3)).to_have_text(other["displayName"])
    assert order(server) == shown_order(page)


def test_a_profile_is_moved_by_dragging(server, visit, page, make):
    one, other = make(), make()
    visit("#/profiles", LIST)
    before = order(server)
    handle = page.locator(f'[data-key="{other["id"]}"] .esp-handle')
    handle.scroll_into_view_if_needed()
    box, over = handle.bounding_box(), page.locator(f'[data-key="{one["id"]}"]').bounding_box()

    def drag():
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + 5, over["y"] + over["height"] / 2, steps=8)
        page.mouse.move(box["x"] + 5, over["y"] - 4, steps=4)

    drag()
    # Escape cancels the move.
    page.keyboard.press("Escape")
    page.mouse.up()
    assert shown_order(page) == before == order(server)
    drag()
    page.mouse.up()
    expect(page.locator(".esp-profile:not(.default) h2 a").nth(len(before) - 2)).to_have_text(other["displayName"])
    assert order(server) == shown_order(page) == before[:-2] + [other["displayName"], one["displayName"]]


def test_what_somebody_else_saved_is_shown_and_not_written_over(server, visit, page, make, watch):
    watch.allow("status of 412")
    one = make(installProgressTimeoutInMinutes=30)
    visit(f"#/profile/{one['id']}", one["displayName"])
    page.get_by_role("textbox", name="Time limit in minutes").fill("40")
    theirs = {
        "displayName": one["displayName"],
        "showInstallationProgress": True,
        "installProgressTimeoutInMinutes": 90,
        "description": "Theirs",
    }
    assert server.ask("PUT", f"{PROFILES}/{one['id']}", theirs).status == 200
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Somebody else changed this profile meanwhile")).to_be_focused()
    changed = page.get_by_role("table", name="What they changed")
    expect(changed.get_by_role("row").filter(has_text="Time limit in minutes")).to_contain_text("90")
    # Untouched fields now have their values, edited fields keep the person's, and nothing is saved.
    expect(page.get_by_role("textbox", name="Description")).to_have_value("Theirs")
    expect(page.get_by_role("textbox", name="Time limit in minutes")).to_have_value("40")
    assert server.get(f"{PROFILES}/{one['id']}")["installProgressTimeoutInMinutes"] == 90
    page.get_by_role("button", name="Use theirs for Time limit in minutes").click()
    expect(page.get_by_role("textbox", name="Time limit in minutes")).to_have_value("90")
    page.get_by_role("textbox", name="Time limit in minutes").fill("41")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".notice.success")).to_contain_text("Saved as version 3")
    saved = server.get(f"{PROFILES}/{one['id']}")
    assert (saved["installProgressTimeoutInMinutes"], saved["description"]) == (41, "Theirs")


def test_what_was_typed_survives_leaving_the_view(visit, page, make):
    one = make()
    visit(f"#/profile/{one['id']}", one["displayName"])
    page.get_by_role("textbox", name="Description").fill("Not saved yet")
    page.get_by_role("link", name="Diagnostics", exact=True).click()
    wait_for_view(page, "Diagnostics")
    page.go_back()
    wait_for_view(page, one["displayName"])
    expect(page.get_by_role("textbox", name="Description")).to_have_value("Not saved yet")


def test_a_profile_is_assigned_to_a_group(server, visit, page, make):
    one = make()
    visit(f"#/profile/{one['id']}/assignments")
    page.get_by_role("button", name=re.compile("^Add")).first.click()
    page.get_by_role("textbox", name="Id of the group").fill("test-group")
    page.get_by_role("button", name=re.compile("^Save")).click()
    expect(page.locator(".notice.success")).to_be_visible()
    (assignment,) = server.get(f"{PROFILES}/{one['id']}")["assignments"]
    assert assignment["target"]["groupId"] == "test-group"


def test_apps_are_chosen_by_their_names(server, visit, page):
    known = next(one for one in server.get("/api/reports/esp/apps")["apps"] if one["name"])
    visit("#/profile/new", "New profile")
    name = f"Chosen {uuid.uuid4().hex[:8]}"
    page.get_by_role("textbox", name=re.compile("^Name")).fill(name)
    field = page.get_by_label("Add an app by its name")
    field.fill(known["name"].upper())
    # Enter adds it and saves nothing.
    page.keyboard.press("Enter")
    chosen = page.get_by_role("list", name="Apps to wait for")
    expect(chosen).to_contain_text(known["name"])
    expect(field).to_be_focused()
    field.fill("an-id-of-nobody")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(chosen.get_by_role("listitem")).to_have_count(2)
    page.get_by_role("button", name="Create profile").click()
    wait_for_view(page, name)
    made = next(one for one in server.get("/api/devices/esp-profiles")["value"] if one["displayName"] == name)
    assert made["selectedMobileAppIds"] == [known["id"], "an-id-of-nobody"]
    page.get_by_role("button", name="Remove an-id-of-nobody").click()
    expect(chosen.get_by_role("listitem")).to_have_count(1)
    assert server.ask("DELETE", f"/api/devices/esp-profiles/{made['id']}").status == 204


def test_a_known_group_is_assigned_by_its_name(server, visit, page, make):
    group = {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": uuid.uuid4().hex, "groupName": "Field laptops"}
    one, other = make(), make()
    body = {"enrollmentConfigurationAssignments": [{"target": group}]}
    assert server.ask("POST", f"{PROFILES}/{one['id']}/assign", body).status == 200
    visit(f"#/profile/{other['id']}/assignments")
    page.get_by_role("button", name="Add an assignment").click()
    page.get_by_label("Name of the group").fill("field LAPTOPS")
    expect(page.get_by_label("Id of the group")).to_have_value(group["groupId"])
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".notice.success")).to_contain_text("Saved.")
    (assigned,) = server.get(f"{PROFILES}/{other['id']}")["assignments"]
    assert assigned["target"]["groupId"] == group["groupId"]
