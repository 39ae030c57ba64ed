"""The senders' view. What must stay true: it shows the deliveries of the API's answer, and no content of a body."""

from playwright.sync_api import expect

from conftest import lines, number

SOURCES = "/api/sources"
HEADING = "Senders"


def test_the_deliveries_are_the_apis(server, visit, page):
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
    assert [one["Start of SHA-256"] for one in newest] == [one["sha256"] for one in native["newest"]]


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
    assert "invalid event: data.device must name a device" in row["Last refusal"]


PULL = {
    "directory": "contoso.example",
    "client": "00000000-aaaa-4bbb-8ccc-000000000001",
    "cloud": "us-government",
    "addedAt": "2026-11-20T08:00:00.000Z",
    "secretExpiresAt": "2026-12-01T00:00:00.000Z",
    "secretExpiresSoon": True,
    "reading": True,
    "lists": [
        {
            "list": "managed-devices",
            "lastReadAt": "2026-11-21T11:15:02.000Z",
            "rows": 1094,
            "nextDueAt": "2026-11-21T11:19:02.000Z",
            "unfinished": False,
            "problem": None,
        },
        {
            "list": "autopilot-events",
            "lastReadAt": None,
            "rows": 0,
            "nextDueAt": "2026-11-21T11:20:00.000Z",
            "unfinished": False,
            "problem": {
                "at": "2026-11-21T11:10:00.000Z",
                "status": 403,
                "failures": 3,
                "text": "the permission DeviceManagementManagedDevices.Read.All is missing",
            },
        },
        {
            "list": "esp-profiles",
            "lastReadAt": "2026-11-21T11:00:00.000Z",
            "rows": 4,
            "nextDueAt": "2026-11-21T12:00:00.000Z",
            "unfinished": False,
            "problem": {"at": "2026-11-20T09:00:00.000Z", "status": None, "failures": 0, "text": "no answer came"},
        },
    ],
}


def test_lists_read_from_graph_are_shown(server, visit, page):
    answer = server.get(SOURCES)
    # The sample reads no list: that would need Graph.
    assert answer["graphPull"] is None
    visit("#/senders", HEADING)
    expect(page.get_by_role("heading", name="Read from Microsoft Graph")).to_have_count(0)

    answer |= {"graphPull": PULL, "timeZone": "UTC"}
    page.route("**/api/sources", lambda route: route.fulfill(json=answer))
    page.reload()
    card = page.locator("[data-key=graph-pull]")
    expect(card).to_contain_text("contoso.example, US Government, read since 20 Nov 2026, 08:00")
    expect(card.locator(".notice.warning")).to_contain_text("The client secret expires on 1 Dec 2026")
    devices, events, profiles = lines(card.get_by_role("table"))
    assert (devices["List"], devices["State"], devices["Records"]) == ("Managed devices", "Read", "1,094")
    assert (devices["Last success"], devices["Next"]) == ("21 Nov 2026, 11:15", "21 Nov 2026, 11:19")
    assert (events["State"], events["Last success"], events["Records"]) == ("Not read", "—", "—")
    assert "Read.All is missing (status 403); 3 failures since the last success" in events["Last problem"]
    assert profiles["State"] == "Read"
    assert "no answer came; read without a failure since" in profiles["Last problem"]


def test_a_senders_secret_is_replaced_in_two_clicks_and_shown_once(server, visit, page):
    visit("#/senders", HEADING)
    form = page.get_by_role("form", name="Secrets of senders")
    form.get_by_label("Sender").select_option("fleet")
    form.get_by_role("button", name="Make a new secret").click()
    panel = page.locator("[data-key=setup]")
    expect(panel).to_be_visible()
    address, secret = panel.locator("p > code.secret").all_inner_texts()
    assert secret in panel.locator("pre.settings").inner_text() or secret in address
    # Another sender's settings take its place.
    form.get_by_label("Sender").select_option("jamf")
    expect(panel).to_have_count(0)
    assert secret not in page.content()
    form.get_by_label("Sender").select_option("fleet")
    form.get_by_role("button", name="End all").click()
    page.get_by_role("dialog").get_by_role("button", name="End them").click()
    expect(form.get_by_role("button", name="End all")).to_have_count(0)
    fleet = next(one for one in server.get(SOURCES)["offered"] if one["source"] == "fleet")
    assert fleet["secrets"] == 0
