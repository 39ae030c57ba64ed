"""One model, version, type, sender or tag alone: the overview and the report of its attempts.

What must stay true: every number is the API's for the same filter, which is in the address and in each link; what is not
kept by value is said to be so. An opened file shows the same.
"""

import shutil
import sqlite3
from contextlib import closing
from datetime import date, timedelta

import pytest
from playwright.sync_api import expect

from conftest import address, lines, number, percent, query, tile, wait_for_view
from test_offline import go, numbers, open_file

OVERVIEW = "/api/reports/overview"


@pytest.fixture(scope="module")
def over(server):
    """Days whose weeks are over, so that no number of them changes while the tests run."""
    span = server.settled
    return span | {"to": str(date.fromisoformat(span["to"]) - timedelta(days=3))}


def agrees(page, answer):
    """The overview shows this answer."""
    now = answer["periods"][0]
    expect(page.locator(".headline")).to_contain_text(
        f"{percent(now['abandonedRate'])} give up ({now['abandonedMeasured']:,} of {now['measured']:,})"
    )
    for label, member in {"Initiated": "initiated", "Gave up": "abandoned", "Completed": "completed"}.items():
        assert number(tile(page, label).inner_text()) == now[member], label
    shown = lines(page.get_by_role("table", name="Steps: what became of those who reached each"))
    steps = [one for one in answer["steps"] if one["period"] == "now"]
    assert [line["Reached"] for line in shown] == [
        "—" if step["reached"] is None else f"{step['reached']:,}" for step in steps
    ]


def test_the_overview_of_one_model_in_2_choices_also_by_its_link_and_from_the_file(server, over, visit, page, new_page):
    visit(f"#/overview{query(**over)}", "Overview")
    whole = server.get(OVERVIEW, **over)
    agrees(page, whole)
    values = server.get("/api/reports/slices", **over, limit=200)["values"]
    model = next(one["value"] for one in values if one["value"])
    page.get_by_label("Only of one").select_option(label="Model")
    page.get_by_label("Model", exact=True).select_option(value=model)
    wait_for_view(page, "Overview")
    expect(page.locator(".page-head")).to_contain_text(f"Only Model: {model}.")
    assert address(page) == ("/overview", over | {"model": model})
    answer = server.get(OVERVIEW, **over, model=model)
    assert answer["slice"] == {"by": "model", "value": model}
    assert 0 < answer["periods"][0]["initiated"] < whole["periods"][0]["initiated"]
    agrees(page, answer)
    worse = page.locator("[data-key=worse]")
    expect(worse).to_contain_text("are not kept for a part of the attempts")
    expect(page.locator("p[data-key=coverage]")).to_contain_text("Which senders took part is not kept")
    # Its number leads to as many attempts.
    tile(page, "Initiated").get_by_role("link").click()
    wait_for_view(page, "Attempts")
    assert address(page)[1]["model"] == model
    listed = server.get("/api/reports/incomplete-enrollments/attempts", **over, model=model, limit=1000)["attempts"]
    assert len(listed) == answer["periods"][0]["initiated"]
    expect(page.locator("p[data-key=coverage]")).to_contain_text(f"Of these {len(listed)} enrollments, the start")
    # The link shows the same; so does the file.
    link = f"#/overview{query(**over, model=model)}"
    go(page, link, "Overview", "table.steps")
    page.reload()
    wait_for_view(page, "Overview")
    agrees(page, answer)
    offline = new_page()
    open_file(offline, server, server.file)
    for on in (page, offline):
        go(on, link, "Overview", "table.steps")
        expect(on.locator("p[data-key=coverage]")).to_have_count(1)
        expect(on.get_by_label("Model", exact=True)).to_have_value(model)
    assert numbers(offline) == numbers(page)
    # All again.
    page.get_by_role("link", name=f"Remove the filter “Model: {model}”").click()
    wait_for_view(page, "Overview")
    assert address(page) == ("/overview", over)
    agrees(page, whole)


def test_the_report_of_one_tag_from_its_line_in_the_table(server, visit, page):
    span = server.settled
    visit(f"#/incomplete{query(**span, by='department')}", "Incomplete enrollments")
    values = server.get("/api/reports/slices", **span, by="department")["values"]
    value = next(one["value"] for one in values if one["value"])
    page.locator("[data-key=slices]").get_by_role("link", name=value, exact=True).click()
    wait_for_view(page, "Incomplete enrollments")
    assert address(page) == ("/incomplete", span | {"tag": f"department={value}"})
    report = server.get("/api/reports/incomplete-enrollments", **span, tag=f"department={value}")
    assert number(tile(page, "Initiated").inner_text()) == report["initiated"] > 0
    assert number(tile(page, "Incomplete").inner_text()) == report["incomplete"]
    expect(page.locator("[data-key=funnel]")).to_contain_text("Median times are not kept for a part of the attempts.")
    expect(page.locator("[data-key=not-kept]")).to_be_visible()
    expect(page.locator("[data-key=slices]")).to_have_count(0)
    entered = [line["Entered"] for line in lines(page.get_by_role("table", name="Steps: entered, went on, abandoned"))]
    assert entered == [f"{step['entered']:,}" for step in report["funnel"]]


def test_a_lists_coverage_is_of_what_is_listed(server, over, visit, page):
    values = server.get("/api/reports/slices", **over, by="department")["values"]
    tag = f"department={next(one['value'] for one in values if one['value'])}"
    coverage = server.get("/api/reports/coverage", **over, tag=tag)
    of_all = server.get("/api/reports/coverage", **over)
    assert 1 < coverage["initiated"] < of_all["initiated"]
    line = page.locator("[data-key=coverage]")
    visit(f"#/attempts{query(**over, tag=tag)}", "Attempts")
    expect(line).to_contain_text(f"Of these {coverage['initiated']:,} enrollments, the start")
    # A part of them is listed, and the line says so.
    go(page, f"#/attempts{query(**over, tag=tag, outcome='abandoned')}", "Attempts", "[data-key=list]")
    expect(line).to_contain_text(f"Of the {coverage['initiated']:,} enrollments that these are a part of, the start")
    go(page, f"#/attempts{query(**over, outcome='abandoned')}", "Attempts", "[data-key=list]")
    expect(line.locator("summary")).to_have_text(f"All enrollments of these days, listed or not: {of_all['sentence']}")
    # What is reported of everybody says nothing of one device.
    device = server.get("/api/reports/incomplete-enrollments/attempts", **over, limit=1)["attempts"][0]["enrollmentKey"]
    go(page, f"#/attempts{query(enrollmentKey=device, os='all')}", "Attempts", "[data-key=list]")
    expect(line).to_have_count(0)


def test_a_file_without_reports_of_one_value_offers_none(server, over, new_page, tmp_path):
    # As the version before wrote it: it tells attempts apart, and takes no value.
    old = tmp_path / "old.sqlite"
    shutil.copyfile(server.file, old)
    with closing(sqlite3.connect(old)) as file, file:
        names = ["model", "osVersion", "enrollmentType", "source", "tag", "without"]
        paths = ", ".join(f"'$.{name}'" for name in names)
        changed = file.execute(
            f"UPDATE questions SET parameters = json_remove(parameters, {paths})"
            " WHERE name IN ('overview', 'incomplete-enrollments', 'coverage', 'got-worse')"
        )
        assert changed.rowcount == 4
    page = new_page()
    for path, has in ((server.file, 1), (old, 0)):
        open_file(page, server, path)
        for address, heading, content in (
            (f"#/overview{query(**over)}", "Overview", "table.steps"),
            (f"#/incomplete{query(**over, by='department')}", "Incomplete enrollments", "[data-key=slices] table"),
        ):
            go(page, address, heading, content)
            expect(page.get_by_label("Only of one")).to_have_count(has)
        # What the file can still say of each value is there, and leads to its attempts.
        slices = page.get_by_role("table", name="Attempts by Department")
        shown = [line["Department"] for line in lines(slices)]
        value = next(one["value"] for one in server.get("/api/reports/slices", **over, by="department")["values"])
        assert value in shown
        expect(slices.get_by_role("link", name=value, exact=True)).to_have_count(has)
        slices.get_by_role("row", name=value).get_by_role("link").last.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Attempts")
        expect(page.locator("[data-key=list] tbody tr").first).to_be_visible()
