"""Annotations: written from the chart, on it for everybody, and in a file that is opened offline."""

import re
from datetime import date, timedelta

import pytest
from playwright.sync_api import expect

from conftest import lines, query, wait_for_view

ANNOTATIONS = "/api/annotations"
HEADING = "Incomplete enrollments"
CHART = "Abandoned attempts by section and day"


@pytest.fixture
def day(server):
    """A day of the chart, whose annotations are removed afterwards."""
    day = date.fromisoformat(server.settled["from"]) + timedelta(days=3)
    yield day
    for one in of(server, day):
        server.ask("DELETE", f"{ANNOTATIONS}/{one['id']}")


def of(server, day):
    """The annotations of a day."""
    return server.get(ANNOTATIONS, **{"from": day, "to": day + timedelta(days=1)})["annotations"]


def test_an_annotation_is_written_from_the_chart_in_two_clicks(server, visit, page, day):
    visit(f"#/incomplete{query(**server.settled)}", HEADING)
    page.get_by_text("Write down what you did").click()
    form = page.get_by_role("form", name="New annotation")
    form.get_by_label("Day", exact=True).fill(str(day))
    form.get_by_label("What you did").fill("Terms of use changed")
    form.get_by_role("button", name="Write", exact=True).click()
    shown = page.get_by_role("list", name="Annotations")
    expect(shown).to_contain_text(re.compile(rf"^{day.day} \w+ {day.year}: Terms of use changed"))
    (written,) = of(server, day)
    assert (written["from"], written["to"]) == (str(day), str(day + timedelta(days=1)))
    assert form.get_by_label("What you did").input_value() == ""
    # Whoever reads by ear hears it with the numbers of its day.
    slider = page.get_by_role("slider", name=CHART)
    slider.focus()
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"\. Terms of use changed$"))
    page.locator(".chart-table > summary").first.click()
    table = lines(page.get_by_role("table", name=CHART, exact=True))
    assert [one["Annotations"] for one in table].count("Terms of use changed") == 1
    assert table[3]["Annotations"] == "Terms of use changed"

    # Changed in place, and not written twice.
    page.get_by_role("button", name=re.compile("^Change Terms of use changed")).click()
    form = page.get_by_role("form", name="Annotation", exact=True)
    expect(form.get_by_label("What you did")).to_be_focused()
    form.get_by_label("What you did").fill("Terms of use shortened")
    form.get_by_role("button", name="Save", exact=True).click()
    expect(shown).to_contain_text("Terms of use shortened")
    assert [(one["id"], one["text"]) for one in of(server, day)] == [(written["id"], "Terms of use shortened")]

    page.get_by_role("button", name=re.compile("^Remove Terms of use shortened")).click()
    page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    expect(shown).not_to_contain_text("Terms of use shortened")
    assert of(server, day) == []


def test_what_is_refused_stays_typed_and_says_why(server, visit, watch, page, day):
    watch.allow("status of 400")
    visit(f"#/incomplete{query(**server.settled)}", HEADING)
    page.get_by_text("Write down what you did").click()
    form = page.get_by_role("form", name="New annotation")
    form.get_by_label("Day", exact=True).fill(str(day))
    form.get_by_label("What you did").fill("asked ada@contoso.example")
    form.get_by_role("button", name="Write", exact=True).click()
    expect(page.locator(".annotate .notice.problem")).to_contain_text("must have no address")
    assert form.get_by_label("What you did").input_value() == "asked ada@contoso.example"
    assert form.get_by_label("Day", exact=True).input_value() == str(day)
    assert of(server, day) == []


def test_who_may_not_write_sees_the_mark_and_no_form(server, visit, page, day):
    body = {"from": str(day), "to": str(day + timedelta(days=3)), "text": "Half of the staff were trained"}
    assert server.ask("POST", ANNOTATIONS, body).status == 201
    visit(f"#/incomplete{query(**server.settled)}", HEADING, token=server.reader)
    expect(page.get_by_role("list", name="Annotations")).to_contain_text("Half of the staff were trained")
    expect(page.locator(".line-picture .note-days")).to_have_count(1)
    expect(page.get_by_text("Write down what you did")).to_have_count(0)
    # On each chart of days.
    page.goto(f"{server.url}/#/esp{query(**server.settled)}")
    wait_for_view(page, "Enrollment Status Page")
    expect(page.get_by_role("list", name="Annotations")).to_contain_text("Half of the staff were trained")
