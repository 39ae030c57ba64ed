"""What went wrong once can be left or repaired without loading the page again. What must stay true: the tests never
reload the page themselves."""

import re

import pytest
from playwright.sync_api import expect

from conftest import address, wait_for_view

#: What Chromium logs of a request that does not arrive, and the page of a view that could not be loaded.
LOST = r"net::ERR_FAILED|Failed to fetch dynamically imported module"


def notice(page):
    return page.get_by_role("alert")


def test_a_view_that_could_not_be_loaded_can_be_loaded_later(server, watch, visit):
    page = visit("#/status", "Enrollment status")
    watch.allow(LOST)
    page.evaluate("window.isTheSamePage = true")
    page.route("**/assets/*/views/esp.js*", lambda route: route.abort())
    page.get_by_role("link", name="ESP", exact=True).click()
    expect(notice(page)).to_contain_text("The server can’t be reached")
    # As long as nothing is different, trying again shows the same.
    page.get_by_role("button", name="Try again").click()
    expect(notice(page)).to_contain_text("The server can’t be reached")
    page.unroute("**/assets/*/views/esp.js*")
    page.get_by_role("button", name="Try again").click()
    wait_for_view(page)
    expect(notice(page)).to_have_count(0)
    expect(page.locator("main .card").first).to_be_visible()
    # Also by way of another view.
    page.get_by_role("link", name="Enrollment status").click()
    wait_for_view(page, "Enrollment status")
    page.get_by_role("link", name="ESP", exact=True).click()
    wait_for_view(page)
    expect(notice(page)).to_have_count(0)
    assert page.evaluate("window.isTheSamePage")


def test_what_a_view_imports_and_was_lost_is_loaded_with_the_page(server, watch, visit):
    page = visit("#/status", "Enrollment status")
    watch.allow(LOST)
    page.route("**/assets/*/views/esp-parts.js*", lambda route: route.abort())
    page.get_by_role("link", name="ESP", exact=True).click()
    expect(notice(page)).to_contain_text("This view could not be loaded")
    page.unroute("**/assets/*/views/esp-parts.js*")
    page.get_by_role("button", name="Try again").click()
    # The page comes back at the same address, signed in.
    wait_for_view(page)
    expect(notice(page)).to_have_count(0)
    assert address(page)[0] == "/esp"


@pytest.mark.parametrize(
    ("asked", "path", "left"),
    [
        ("#/incomplete?os=ios&section=nonsense", "/incomplete", {"os": "ios"}),
        ("#/attempts?outcome=nonsense&os=ios", "/attempts", {"os": "ios"}),
        ("#/attempts?cursor=nonsense&outcome=failed", "/attempts", {"outcome": "failed"}),
        ("#/sessions?state=nonsense", "/sessions", {}),
    ],
)
def test_an_invalid_filter_can_be_left(watch, visit, asked, path, left):
    watch.allow("status of 400")
    page = visit(asked)
    expect(notice(page)).to_be_visible()
    page.get_by_role("link", name=re.compile("Show it without")).click()
    expect(notice(page)).to_have_count(0)
    wait_for_view(page)
    assert address(page) == (path, left)
    expect(page.get_by_role("form", name="Filters")).to_be_visible()
