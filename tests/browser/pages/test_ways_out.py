"""What went wrong once can be left or repaired without loading the page again. What must stay true: the tests never
reload the page themselves."""

import re

import pytest
from playwright.sync_api import expect

from conftest import address, wait_for_view


def notice(page):
    return page.get_by_role("alert")


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
