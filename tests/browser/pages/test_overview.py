"""The overview: its sentence, numbers and steps are the API's; the questions of a director are answered in a few clicks.

What must stay true: nothing is judged by the page. The number of clicks that a question takes is in the test's name.
"""

import json
import re
from datetime import date, timedelta

import pytest
from playwright.sync_api import expect

from conftest import address, cells, lines, number, percent, query, tile, wait_for_view

OVERVIEW = "/api/reports/overview"
WORSE = "/api/reports/got-worse"
HEADING = "Overview"


@pytest.fixture(scope="module")
def over(server):
    """Days whose weeks are over, so that no number of them changes while the tests run."""
    span = server.settled
    return span | {"to": str(date.fromisoformat(span["to"]) - timedelta(days=3))}


def count(number):
    return f"{number:,}"


def steps(page):
    return page.get_by_role("table", name="Steps: what became of those who reached each")


def test_the_sentence_and_the_numbers_are_the_apis(server, over, visit, page):
    visit(f"#/overview{query(**over)}", HEADING)
    answer = server.get(OVERVIEW, **over)
    now, before = answer["periods"]
    sentence = page.locator(".headline")
    expect(sentence).to_contain_text(
        f"{percent(now['abandonedRate'])} give up ({count(now['abandonedMeasured'])} of {count(now['measured'])})"
    )
    if answer["comparison"] in ("same", "better", "worse"):
        expect(sentence).to_contain_text(f"before: {percent(before['abandonedRate'])}")
    within = "a difference within chance"
    assert (within in sentence.inner_text()) == (answer["comparison"] == "same")
    assert ("No step is clearly the worst" in sentence.inner_text()) == (answer["worstStep"] is None)
    shown = {"Initiated": "initiated", "Gave up": "abandoned", "Failed": "failed", "Completed": "completed"}
    for label, member in shown.items():
        assert number(tile(page, label).inner_text()) == now[member], label
        note = page.locator(".tile").filter(has=page.locator("dt", has_text=re.compile(f"^{label}$")))
        expect(note).to_contain_text(f"Before: {count(before[member])}")


def test_the_steps_add_up_and_are_the_apis(server, over, visit, page):
    visit(f"#/overview{query(**over)}", HEADING)
    answer = server.get(OVERVIEW, **over)
    now = [one for one in answer["steps"] if one["period"] == "now"]
    shown = lines(steps(page))
    assert len(shown) == len(now) == 10
    names = {
        "Reached": "reached",
        "Went on": "wentOn",
        "Failed": "failed",
        "Gave up": "gaveUp",
        "Still there": "stillThere",
        "Not reported": "notReported",
    }
    for line, step in zip(shown, now, strict=True):
        for name, member in names.items():
            expected = "—" if step[member] is None else count(step[member])
            assert line[name].split("\n")[0] == expected, (line, step)
        if step["action"]:
            assert number(line["Reached"]) == sum(number(line[name]) for name in list(names)[1:])
            assert line["Gave up, of reached"].split("\n")[0] == percent(step["rate"])
    assert sum(number(line["Gave up"]) for line in shown) == answer["periods"][0]["abandoned"]


def test_is_it_better_than_before_and_where_do_they_stop_in_3_clicks(server, over, visit, page):
    """The director's question: the answer is there without a click; other days to compare with, and who they are."""
    visit("#/overview", HEADING)
    clicks = 0
    expect(page.locator(".headline")).to_contain_text("give up")
    # Compared with other days.
    first = date.fromisoformat(over["from"])
    page.get_by_label("First day").fill(over["from"])
    page.get_by_label("Last day", exact=True).fill(str(date.fromisoformat(over["to"]) - timedelta(days=1)))
    page.get_by_label("Compared with").fill(str(first - timedelta(days=5)))
    page.get_by_label("Compared until").fill(str(first - timedelta(days=1)))
    page.get_by_role("button", name="Apply").click()
    clicks += 1
    wait_for_view(page, HEADING)
    other = over | {"compareFrom": str(first - timedelta(days=5)), "compareTo": str(first)}
    expect.soft(page.locator(".page-head")).to_contain_text("compared with")
    assert address(page) == ("/overview", other)
    answer = server.get(OVERVIEW, **other)
    assert (answer["compareFrom"], answer["compareTo"]) == (other["compareFrom"], other["compareTo"])
    expect(page.locator(".tile").first).to_contain_text(f"Before: {count(answer['periods'][1]['initiated'])}")
    # The ways in which they gave up at the step where most do.
    most = max((one for one in answer["steps"] if one["period"] == "now" and one["action"]), key=lambda one: one["gaveUp"])
    row = steps(page).locator(f"tr[data-key='{most['action']}']")
    row.locator("summary").click()
    clicks += 1
    ways = [one for one in answer["ways"] if one["action"] == most["action"]]
    items = row.locator(".ways li")
    expect(items).to_have_count(len(ways))
    shown = [number(text.split(" ")[0]) for text in items.all_inner_texts()]
    assert shown == [one["abandoned"] for one in ways] and sum(shown) >= most["gaveUp"] > 0
    # Who they are.
    link = row.locator(".ways a").first
    expected = number(link.inner_text())
    link.click()
    clicks += 1
    wait_for_view(page)
    listed = page.locator("[data-key=list] tbody tr")
    expect(listed).to_have_count(min(expected, 50))
    assert clicks <= 4


def test_what_got_worse_is_the_apis_in_0_clicks(server, visit, page):
    visit("#/overview", HEADING)
    card = page.locator("[data-key=worse]")
    expect(card.get_by_role("heading", name="What got worse")).to_be_visible()
    answer = server.get(WORSE)
    if answer["worse"]:
        table = cells(card.get_by_role("table", name="What got worse, most people affected first"))
        assert [line[2].split("\n")[0] for line in table] == [percent(one["rate"]) for one in answer["worse"]]
    else:
        expect(card).to_contain_text(re.compile("Nothing got worse beyond chance|Too few to judge"))


def test_something_worse_is_shown_with_its_day_and_leads_to_its_attempts(server, visit, page):
    """The sample is steady, so the answer is one that the description has as an example."""
    worse = {
        "kind": "step",
        "name": "iOSProfileLaunch",
        "displayName": None,
        "affected": 51,
        "n": 210,
        "rate": 51 / 210,
        "low": 0.19,
        "high": 0.31,
        "affectedBefore": 84,
        "nBefore": 840,
        "rateBefore": 0.1,
        "excess": 30.0,
        "z": 5.4,
        "p": 0.0,
        "since": "2026-03-15",
    }
    profile = worse | {"kind": "espProfile", "name": "p1", "displayName": "Kiosks", "excess": 12.5, "since": "2026-03-16"}
    code = worse | {"kind": "failure", "name": "0x80070643", "excess": 3.2}
    real = server.get(WORSE)
    body = json.dumps(real | {"worse": [worse, profile, code]})
    page.route(f"**{WORSE}", lambda route: route.fulfill(status=200, content_type="application/json", body=body))
    models = json.dumps(real | {"worse": [worse | {"kind": "model", "name": "iPhone 15"}]})
    page.route(
        f"**{WORSE}/slices", lambda route: route.fulfill(status=200, content_type="application/json", body=models)
    )
    visit("#/overview", HEADING)
    on_models = page.get_by_role("table", name="Models, versions, types, senders and tags that got worse")
    assert [one["What"].split("\n") for one in lines(on_models)] == [["iPhone 15", "Model"]]
    expect(on_models.get_by_role("link")).to_have_attribute("href", re.compile("model=iPhone(%20|\\+)15.*outcome=abandoned"))
    shown = lines(page.locator("[data-key=worse]").get_by_role("table", name="What got worse, most people affected first"))
    assert [one["What"].split("\n")[0] for one in shown] == ["iOS management profile", "Kiosks", "0x80070643"]
    assert [one["More than before"] for one in shown] == ["30", "12.5", "3.2"]
    assert shown[0]["Rate"].split("\n") == ["24.3%", "51 of 210"] and shown[0]["Since"] == "15 Mar 2026"
    page.get_by_role("link", name="iOS management profile", exact=True).click()
    wait_for_view(page, "Attempts")
    assert address(page)[1]["action"] == "iOSProfileLaunch" and address(page)[1]["from"] == real["from"]


def test_the_weeks_are_read_by_keyboard_and_as_a_table(server, over, visit, page):
    visit(f"#/overview{query(**over)}", HEADING)
    weeks = server.get(OVERVIEW, **over)["weeks"]
    slider = page.get_by_role("slider", name=re.compile("by week"))
    slider.focus()
    last = len(weeks) - 1
    for key, at in [("Home", 0), ("ArrowRight", min(1, last)), ("End", last), ("ArrowLeft", max(0, last - 1))]:
        page.keyboard.press(key)
        expect(slider).to_have_attribute("aria-valuenow", str(at))
        expect(slider).to_have_attribute("aria-valuetext", re.compile(re.escape(percent(weeks[at]["rate"]))))
    page.get_by_text("Show as a table").click()
    shown = lines(page.locator("[data-key=weeks]").get_by_role("table"))
    assert [one["Given up"] for one in shown] == [percent(one["rate"], one["initiated"]) for one in weeks]
    assert [number(one["n"]) for one in shown] == [one["measured"] for one in weeks]
    assert [number(one["All"]) for one in shown] == [one["initiated"] for one in weeks]
    for line, week in zip(shown, weeks, strict=True):
        assert ("only partly kept" in line["Week"]) == week["partlyKept"]
        if week["rate"] is not None:
            assert line["95% interval"] == f"{percent(week['low'])} to {percent(week['high'])}"


def test_the_week_of_today_is_hatched_and_said_not_to_be_over(server, visit, page):
    visit("#/overview", HEADING)
    answer = server.get(OVERVIEW)
    assert answer["leftOut"] == answer["asOf"][:10] and answer["weeks"][-1]["unfinished"]
    expect(page.locator(".page-head")).to_contain_text("is left out, since it is not over")
    expect(page.locator("[data-key=weeks] .hatched")).not_to_have_count(0)
    page.get_by_text("Show as a table").click()
    expect(page.locator("[data-key=weeks] tbody tr").last).to_contain_text("not over yet")


def test_the_first_number_is_on_the_first_screen_of_a_phone(server, new_page, visit):
    page = new_page(viewport={"width": 360, "height": 740})
    visit("#/overview", HEADING, on=page)
    box = page.locator(".headline-number").bounding_box()
    assert box["y"] + box["height"] < 740, box
