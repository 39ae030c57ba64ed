"""The senders' view. What must stay true: what the API says came in is what is shown, and nothing of a body."""

from playwright.sync_api import expect

from conftest import lines, number

SOURCES = "/api/sources"
HEADING = "Senders"


def test_what_came_in_is_what_the_api_says(server, visit, page):
    answer = server.get(SOURCES)
    visit("#/senders", HEADING)
    shown = lines(page.get_by_role("table", name="Senders", exact=True))
    assert [one["Sender"] for one in shown] == [one["title"] for one in answer["sources"]]
    native = next(one for one in answer["sources"] if one["source"] == "enrollment-events")
    assert native["lastHeardAt"] and native["newest"]
    days = lines(page.get_by_role("table", name=f"{native['title']}: by day (UTC), at least"))
    assert [number(one["Stored"]) for one in days] == [one["accepted"] for one in native["days"]]
    assert [number(one["Known already"]) for one in days] == [one["known"] for one in native["days"]]
    page.get_by_text(f"The newest {len(native['newest'])} deliveries").first.click()
    newest = lines(page.get_by_role("table", name=f"{native['title']}: newest deliveries"))
    assert [one["Beginning of its SHA-256"] for one in newest] == [one["sha256"] for one in native["newest"]]


def test_a_silent_source_is_a_warning(server, visit, page):
    answer = server.get(SOURCES)
    native = next(one for one in answer["sources"] if one["source"] == "enrollment-events")
    native["silent"] = {"since": native["lastHeardAt"], "usualLongestHours": 15}
    native["lastRefusal"] = {
        "at": native["lastHeardAt"],
        "reason": "invalid",
        "field": "data.device",
        "problem": "must name a device",
    }
    page.route("**/api/sources", lambda route: route.fulfill(json=answer))
    visit("#/senders", HEADING)
    expect(page.locator(".notice.warning")).to_contain_text(f"{native['title']} has fallen silent")
    expect(page.locator(".notice.warning")).to_contain_text("at most 15 hours")
    row = next(
        one
        for one in lines(page.get_by_role("table", name="Senders", exact=True))
        if one["Sender"] == native["title"]
    )
    assert row["State"] == "Silent"
    assert "malformed event: data.device must name a device" in row["Last refusal"]
