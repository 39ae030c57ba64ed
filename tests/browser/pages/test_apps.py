"""Apps by model, and an app's page. What must stay true: the numbers are the API's, and lead to the sessions that they count; what
is worse is the API's judgement. The number of clicks that a question takes is in the test's name."""

import json
import re
import urllib.parse

from playwright.sync_api import expect

from conftest import address, lines, number, percent, query, tile, wait_for_view

REPORT = "/api/reports/apps"
WORSE = "/api/reports/got-worse/apps"
BOARD = "Apps by model: sessions in which they failed, of those that tried them"
MODELS = "Its models, those on which it failed in the most sessions first"


def shown_of(line, least):
    """What a cell of the board has of a line of the answer."""
    if line is None:
        return "—"
    if not line["tried"]:
        return "not reported"
    of = f"{line['failed']:,} of {line['tried']:,}"
    return of if line["tried"] < least else f"{percent(line['failureRate'])} {of}"


def one_line(text):
    """A cell's text without the mark of what got worse."""
    return " ".join(part for part in text.split("\n") if not part.startswith("worse since")).replace("  ", " ").strip()


def made_worse(server, page, app, model):
    """The sample is steady, so what got worse is made: the app, and the app on the model."""
    worse = {
        "kind": "app", "name": app, "displayName": None, "model": None, "affected": 20, "n": 60, "rate": 1 / 3, "low": 0.2,
        "high": 0.5, "affectedBefore": 12, "nBefore": 240, "rateBefore": 0.05, "excess": 17.0, "z": 6.1, "p": 0.0,
        "since": "2026-03-15",
    }  # fmt: skip
    on_model = worse | {"kind": "appModel", "model": model, "excess": 12.0, "since": "2026-03-16"}
    body = json.dumps(server.get(WORSE) | {"worse": [worse, on_model]})
    page.route(f"**{WORSE}", lambda route: route.fulfill(status=200, content_type="application/json", body=body))


def test_the_board_is_the_apis(server, visit, page):
    span = server.settled
    visit(f"#/apps{query(**span)}", "Apps")
    answer = server.get(REPORT, **span, limit=50, models=6)
    table = page.get_by_role("table", name=BOARD)
    shown = lines(table)
    assert [one["App"].split("\n")[0] for one in shown] == [one["app"] for one in answer["apps"]]
    assert len(answer["apps"]) > 3 and len(answer["models"]) > 2
    names = [one["model"] or "Model not reported" for one in answer["models"]]
    for line, app in zip(shown, answer["apps"], strict=True):
        assert one_line(line["All models"]) == shown_of(app, answer["least"])
        cells = {one["model"]: one for one in answer["cells"] if one["app"] == app["app"] and not one["otherModels"]}
        for name, model in zip(names, answer["models"], strict=True):
            assert one_line(line[name]) == shown_of(cells.get(model["model"]), answer["least"]), (app["app"], name)


def test_which_app_fails_on_which_model_since_when_in_3_clicks(server, visit, page):
    report = server.get(REPORT, limit=50, models=200)
    most = report["apps"][0]
    cells = [one for one in report["cells"] if one["app"] == most["app"]]
    model = max((one for one in cells if one["model"]), key=lambda one: one["failed"] or 0)["model"]
    made_worse(server, page, most["app"], model)
    visit("#/overview", "Overview")
    # On the first page already, where it is certain.
    card = page.get_by_role("table", name="Apps that got worse, most people affected first")
    assert [one["What"].split("\n") for one in lines(card)] == [
        [most["app"], "App"],
        [f"{most['app']} on {model}", "App on a model"],
    ]
    page.get_by_role("navigation", name="Views").get_by_role("link", name="ESP", exact=True).click()
    wait_for_view(page, "Enrollment Status Page")
    page.get_by_role("navigation", name="Enrollment Status Page").get_by_role("link", name="Apps").click()
    wait_for_view(page, "Apps")
    board = page.get_by_role("table", name=BOARD)
    expect(board.locator("tbody tr").first).to_contain_text("worse since 15 Mar 2026")
    board.get_by_role("link", name=most["app"], exact=True).click()
    wait_for_view(page, most["app"])
    line = next(one for one in lines(page.get_by_role("table", name=MODELS)) if one["Model"] == model)
    assert line["Since when worse"] == "worse since 16 Mar 2026"
    expect(page.locator(".notice")).to_contain_text("It got worse in the last seven days that are over")


def test_an_apps_page_is_the_apis_and_leads_to_its_sessions(server, visit, page):
    span = server.settled
    app = server.get(REPORT, **span)["apps"][0]["app"]
    visit(f"#/app/{urllib.parse.quote(app, safe='')}{query(**span)}", app)
    answer = server.get(REPORT, **span, app=app, limit=20, models=200)
    line = answer["apps"][0]
    tiles = {
        "Sessions": "sessions", "Failed": "failed", "Installed": "installed", "Failing": "failing",
        "Not needed": "notNeeded", "Still open": "open", "Not reported": "notReported",
    }  # fmt: skip
    assert {name: number(tile(page, name).inner_text()) for name in tiles} == {
        name: line[member] for name, member in tiles.items()
    }
    stands = ["installed", "failing", "notNeeded", "open", "notReported"]
    assert sum(line[member] for member in stands) == line["sessions"]
    shown = {one["Model"]: one for one in lines(page.get_by_role("table", name=MODELS))}
    for cell in answer["cells"]:
        assert number(shown[cell["model"] or "Not reported"]["Sessions"]) == cell["sessions"]
    page.get_by_text("Show as a table").click()
    weeks = lines(page.locator("[data-key='By week']").get_by_role("table"))
    assert [number(one["n"]) for one in weeks] == [one["tried"] for one in answer["weeks"]]
    codes = page.locator("[data-key='Error codes and what to do'] details > summary")
    expect(codes).to_have_count(len(answer["codes"]))
    assert sum(one["failing"] for one in answer["codes"]) == line["failing"]
    assert line["failed"] > 0
    tile(page, "Failed").get_by_role("link").click()
    wait_for_view(page, "Enrollment Status Page sessions")
    assert address(page)[1] == {**span, "app": app, "appFailed": "true"}
    expect(page.locator("[data-key=list] tbody tr, .card tbody tr")).to_have_count(min(line["failed"], 50))


def test_a_session_stands_before_the_usual_one(server, visit, page):
    sessions = [one["sessionId"] for one in server.get("/api/reports/esp/sessions", limit=50)["sessions"]]
    # One with items that have a median and others that have none.
    found = ((one, server.get(f"/api/reports/esp/sessions/{one}/usual")) for one in sessions)
    session, usual = next(
        (one, usual)
        for one, usual in found
        if {item["medianMinutes"] is None for item in usual["items"]} == {True, False}
    )
    visit(f"#/session/{session}", re.compile("^Session of"))
    fact = page.locator(".facts div").filter(has=page.locator("dt", has_text="Usually takes"))
    if usual["medianMinutes"] is None:
        expect(fact).to_contain_text(f"not reported: fewer than {usual['least']}")
    else:
        expect(fact).to_contain_text(f"the median of {usual['n']:,} sessions like this")
    medians = {one["phase"]: one for one in usual["phases"]}
    answer = server.get(f"/api/reports/esp/sessions/{session}")
    keys = ("phase", "category", "itemId")
    of_items = {tuple(one[key] for key in keys): one for one in usual["items"]}
    assert [tuple(one[key] for key in keys) for one in answer["items"]] == list(of_items)
    page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
    for phase in answer["phases"]:
        part = page.locator(f".esp-phase[data-key={phase['phase']}]")
        found = medians.get(phase["phase"])
        if found and found["medianMinutes"] is not None:
            expect(part).to_contain_text(f"the median of {found['n']:,} sessions like this")
            expect(part.locator("> .bar-picture .bar-usual")).to_be_attached()
        else:
            expect(part).to_contain_text("Usually: not reported")
            expect(part.locator("> .bar-picture .bar-usual")).to_have_count(0)
        items = [one for one in answer["items"] if one["phase"] == phase["phase"]]
        rows = part.locator("table tbody tr")
        expect(rows).to_have_count(len(items))
        for row, item in zip(rows.all(), items, strict=True):
            one = of_items[tuple(item[key] for key in keys)]
            has = one["medianMinutes"] is not None
            few = rf"^usually: too few \({one['n']}\)$" if one["n"] else "^usually: not reported$"
            said = rf"^usually \d.* \(median of {one['n']:,}\)$" if has else few
            expect(row.locator("small", has_text=re.compile(said))).to_have_count(1)
            expect(row.locator(".bar-usual")).to_have_count(1 if has and item["beganAt"] else 0)
