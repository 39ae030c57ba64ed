"""Incomplete enrollments: the numbers, the filters, and the way from a number to a single attempt.

What must stay true: page, API and file have the same numbers; the filters are in the address.
"""

import re
import sqlite3
from datetime import date, timedelta

from playwright.sync_api import expect

from conftest import address, cells, lines, number, percent, query, sign_in, tab_to, tile, wait_for_view

REPORT = "/api/reports/incomplete-enrollments"
HEADING = "Incomplete enrollments"


def places(page):
    """The counts of the table of places by row number; those without a number are under None."""
    table = page.get_by_role("table", name="Abandoned attempts by place and how it was left")
    counts = {}
    for one in lines(table):
        counts.setdefault(None if one["Row"] == "—" else int(one["Row"]), []).append(number(one["Abandoned"]))
    return counts


def test_the_numbers_are_those_of_the_api_and_of_the_file(server, visit, page):
    span = server.settled
    visit(f"#/incomplete{query(**span)}", HEADING)
    report = server.get(REPORT, **span)
    assert number(tile(page, "Initiated").inner_text()) == report["initiated"] > 100
    assert number(tile(page, "Incomplete").inner_text()) == report["incomplete"]
    assert tile(page, "Incomplete rate").inner_text() == percent(report["incompleteRate"])
    shown = places(page)
    assert {row: counts for row, counts in shown.items() if row} == {
        one["catalogueRow"]: [one["abandoned"]] for one in report["actions"]
    }
    causes = sum(one["abandoned"] for one in report["otherCauses"])
    assert sum(shown[None]) == causes + report["other"] + report["placeNotReported"]
    nowhere = page.locator('tr[data-key="nowhere"]')
    expect(nowhere).to_contain_text("Place not reported")
    assert number(nowhere.locator("td").first.inner_text()) == report["placeNotReported"]
    assert sum(sum(counts) for counts in shown.values()) == report["abandoned"]

    with sqlite3.connect(f"file:{server.file}?mode=ro", uri=True) as file:
        assert len(report["actions"]) == file.execute("SELECT count(*) FROM catalogue_rows").fetchone()[0]
        where = "WHERE date >= :from AND date < :to"
        columns = "initiated, incomplete, abandoned, failed, completed, open"
        sums = ", ".join(f"sum({one})" for one in columns.split(", "))
        rollup = file.execute(f"SELECT {sums} FROM incomplete_by_day {where}", span).fetchone()
        assert dict(zip(columns.split(", "), rollup, strict=True)) == {one: report[one] for one in columns.split(", ")}
        rows = file.execute(
            f"SELECT catalogue_row, sum(abandoned) FROM incomplete_detail {where} AND catalogue_row IS NOT NULL"
            " GROUP BY 1 HAVING sum(abandoned) > 0",
            span,
        ).fetchall()
        assert dict(rows) == {row: counts[0] for row, counts in shown.items() if row and counts[0]}
        by_day = file.execute(
            f"SELECT date, section, abandoned FROM incomplete_by_section_and_day {where}", span
        ).fetchall()

    page.get_by_text("Show as a table").click()
    table = page.get_by_role("table", name="Abandoned attempts by section and day")
    days, drawn = sorted({one for one, _, _ in by_day}), cells(table)
    assert len(drawn) == len(days) == 15
    expected = {(one["date"], one["section"]): one["abandoned"] for one in report["daily"]}
    assert {(one, section): count for one, section, count in by_day} == expected
    # The last column has the annotations.
    for at, line in zip(days, drawn, strict=True):
        assert sum(map(number, line[1:-1])) == sum(count for (one, _), count in expected.items() if one == at)


def test_a_model_is_two_clicks_from_its_attempts(server, visit, page):
    span = server.settled
    visit(f"#/incomplete{query(**span)}", HEADING)
    card = page.locator("[data-key=slices]")
    for by, label in (("model", "Model"), ("department", "Department"), ("osVersion", "OS version")):
        answer = server.get("/api/reports/slices", **span, by=by, limit=10)
        card.get_by_role("link", name=label, exact=True).click()
        table = card.get_by_role("table", name=f"Attempts by {label}")
        expect(table).to_be_visible()
        shown = lines(table)
        assert len(shown) == len(answer["values"]) + (1 if answer["rest"]["values"] else 0)
        for line, one in zip(shown, answer["values"], strict=False):
            assert line[label] == ("Not reported" if one["value"] is None else one["value"])
            assert number(line["Initiated"]) == one["initiated"]
            assert one["abandoned"] is None or number(line["Abandoned"]) == one["abandoned"]
            if one["measured"]:
                assert line["Give up"].startswith(percent(one["incompleteRate"]))
        expect(card.get_by_role("link", name=label, exact=True)).to_be_focused()
    found = next(one for one in answer["values"] if one["value"] and one["abandoned"])
    row = card.get_by_role("row").filter(has=page.get_by_role("rowheader", name=found["value"], exact=True))
    row.get_by_role("link").nth(2).click()
    wait_for_view(page, "Attempts")
    expect(page.get_by_role("list", name="More filters")).to_contain_text(f"OS version: {found['value']}")
    expect(page.locator("[data-key=list] tbody tr")).to_have_count(found["abandoned"])


def test_web_enrollment_is_a_card_of_its_own_and_shows_what_is_not_reported(server, visit, page):
    visit("#/incomplete", "Incomplete enrollments")
    answer = server.get("/api/reports/web-enrollment")
    card = page.locator("[data-key=web-enrollment]")
    expect(card.get_by_role("heading")).to_contain_text("Web-based enrollment, by sign-ins")
    assert answer["daysHeard"] == 0 and answer["people"] is None
    expect(card).to_contain_text("Not reported: no sign-in log was received in these days.")


def test_the_funnel_has_the_apis_numbers(server, visit, page):
    span = server.settled
    visit(f"#/incomplete{query(**span)}", HEADING)
    steps = server.get(REPORT, **span)["funnel"]
    table = page.get_by_role("table", name="Steps: entered, went on, abandoned")
    shown = lines(table)
    assert [[number(one[name]) for name in ("Entered", "Went on", "Abandoned")] for one in shown] == [
        [one["entered"], one["left"], one["abandoned"]] for one in steps
    ]


def test_filters_are_in_the_address_and_survive_reload_and_back(server, visit, page):
    span = server.settled
    visit(f"#/incomplete{query(**span)}", HEADING)
    form = page.get_by_role("form", name="Filters")
    form.get_by_label("Operating system").select_option("ios")
    expect(page).to_have_url(re.compile("os=ios"))
    form.get_by_label("Section").select_option("setupChecklist")
    expect(page).to_have_url(re.compile("section=setupChecklist"))
    assert address(page) == ("/incomplete", {**span, "os": "ios", "section": "setupChecklist"})

    def is_shown(os, section):
        report = server.get(REPORT, **span, os=os, section=section)
        label = "Incomplete in setup checklist" if section else "Incomplete"
        expect(tile(page, label)).to_have_text(f"{report['incomplete']:,}")
        expect(form.get_by_label("Operating system")).to_have_value(os or "")
        expect(form.get_by_label("Section")).to_have_value(section or "")

    is_shown("ios", "setupChecklist")
    page.reload()
    wait_for_view(page, HEADING)
    is_shown("ios", "setupChecklist")
    page.go_back()
    is_shown("ios", None)
    page.go_back()
    is_shown(None, None)
    page.go_forward()
    is_shown("ios", None)


def test_presets_and_days(server, visit, page):
    visit("#/incomplete", HEADING)
    form = page.get_by_role("form", name="Filters")
    presets = {days: form.get_by_role("link", name=f"{days} days") for days in (14, 30)}
    expect(presets[14]).to_have_attribute("aria-current", "true")
    presets[30].click()
    expect(presets[30]).to_have_attribute("aria-current", "true")
    _, chosen = address(page)
    first, end = date.fromisoformat(chosen["from"]), date.fromisoformat(chosen["to"])
    assert (end - first).days == 30
    report = server.get(REPORT, **chosen)
    expect(tile(page, "Initiated")).to_have_text(f"{report['initiated']:,}")
    # The form's last day is the day before the address's `to`.
    expect(form.get_by_label("Last day")).to_have_value(str(end - timedelta(days=1)))

    form.get_by_label("First day").fill(str(first + timedelta(days=10)))
    form.get_by_label("Last day").fill(str(first + timedelta(days=12)))
    form.get_by_role("button", name="Apply").click()
    wanted = {"from": str(first + timedelta(days=10)), "to": str(first + timedelta(days=13))}
    report = server.get(REPORT, **wanted)
    expect(tile(page, "Initiated")).to_have_text(f"{report['initiated']:,}")
    assert address(page)[1] == wanted
    # Days in the wrong order are refused.
    form.get_by_label("Last day").fill(str(first))
    form.get_by_role("button", name="Apply").click()
    assert address(page)[1] == wanted


def test_from_a_number_to_its_attempts_to_one_of_them(server, visit, page):
    span = server.settled
    visit(f"#/incomplete{query(**span)}", HEADING)
    top = max(server.get(REPORT, **span)["actions"], key=lambda one: one["abandoned"])
    row = page.locator(f'[data-key="row-{top["catalogueRow"]}"]')
    # Whoever goes from link to link hears what the number counts.
    row.get_by_role("link", name=re.compile(f"^{top['abandoned']} gave up at .+")).click()
    wait_for_view(page, "Attempts")
    wanted = {**span, "catalogueRow": str(top["catalogueRow"]), "outcome": "abandoned"}
    assert address(page) == ("/attempts", wanted)
    listed = server.get(f"{REPORT}/attempts", limit=50, **wanted)
    table = page.get_by_role("table", name=re.compile("Attempts, newest first"))
    assert len(cells(table)) == min(top["abandoned"], 50) == len(listed["attempts"])
    expect(page.get_by_text(f"Row {top['catalogueRow']} of the catalogue")).to_be_visible()

    table.locator("tbody tr").first.get_by_role("link").click()
    wait_for_view(page, re.compile("^Attempt of"))
    one = server.get(f"/api/attempts/{listed['attempts'][0]['attemptId']}")
    assert address(page)[0] == f"/attempt/{one['attemptId']}"
    expect(page.locator(".timeline > li[data-key^=event-]")).to_have_count(len(one["events"]))
    expect(page.get_by_role("heading", level=1)).to_contain_text(one["deviceName"] or one["enrollmentKey"])
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Attempts")
    page.get_by_role("link", name=re.compile("^Remove the filter")).click()
    expect(page).not_to_have_url(re.compile("catalogueRow"))
    page.get_by_role("link", name="← Incomplete enrollments").click()
    wait_for_view(page, HEADING)
    assert address(page)[1] == span


def test_attempts_a_page_at_a_time(server, visit, page):
    visit(f"#/attempts{query(**server.settled)}", "Attempts")
    table = page.get_by_role("table", name=re.compile("Attempts, newest first"))
    first = cells(table)
    page.get_by_role("link", name="Next page").click()
    expect(page.get_by_role("link", name="First page")).to_be_visible()
    assert len(first) == 50 and cells(table)[0] != first[0]
    page.go_back()
    expect(page.get_by_role("link", name="First page")).to_have_count(0)
    assert cells(table) == first


def test_by_keyboard_alone(server, visit, page):
    visit(f"#/incomplete{query(**server.settled)}", HEADING)
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(tile(page, "Initiated")).to_be_visible()
    page.get_by_role("link", name="Skip to content").press("Enter")
    expect(page.locator("main")).to_be_focused()

    tab_to(page, "element.name === 'os'")
    page.keyboard.press("ArrowDown")
    expect(page).to_have_url(re.compile("os=ios"))
    expect(page.locator("select[name=os]")).to_be_focused()
    expect(page.get_by_text("iOS/iPadOS. As of")).to_be_visible()

    tab_to(page, "element.getAttribute('role') === 'slider'")
    slider = page.get_by_role("slider")
    last = slider.get_attribute("aria-valuetext")
    assert slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax") == "14"
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuenow", "13")
    assert slider.get_attribute("aria-valuetext") != last
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuenow", "0")
    page.keyboard.press("End")
    expect(slider).to_have_attribute("aria-valuetext", last)
    page.keyboard.press("Enter")
    wait_for_view(page, "Attempts")
    path, asked = address(page)
    day = date.fromisoformat(asked["from"])
    assert (path, asked["to"], asked["outcome"]) == ("/attempts", str(day + timedelta(days=1)), "abandoned")
    page.go_back()
    wait_for_view(page, HEADING)

    tab_to(page, "element.closest('table.places') && element.tagName === 'A'")
    page.keyboard.press("Enter")
    wait_for_view(page, "Attempts")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    tab_to(page, "element.closest('tbody') && element.tagName === 'A'")
    page.keyboard.press("Enter")
    wait_for_view(page, re.compile("^Attempt of"))
    expect(page.get_by_role("heading", level=1)).to_be_focused()


def test_the_newest_summary_answers_while_the_server_is_slow(server, page):
    span = server.settled
    report = server.get(REPORT, **span)
    held, is_slow = [], [True]
    page.route(
        re.compile(re.escape(REPORT) + r"(\?|$)"),
        lambda route: held.append(route) if is_slow else route.continue_(),
    )
    page.goto(f"{server.url}/#/incomplete{query(**span)}")
    sign_in(page, server.token)
    # These numbers come from a file's summary: the server's answer is still held back.
    expect(tile(page, "Initiated")).to_be_visible(timeout=60_000)
    assert number(tile(page, "Initiated").inner_text()) == report["initiated"] > 100
    assert held
    is_slow.clear()
    for route in held:
        route.continue_()
    wait_for_view(page, HEADING)
    assert number(tile(page, "Incomplete").inner_text()) == report["incomplete"]
