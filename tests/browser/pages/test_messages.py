"""Messages to people, made on the page: a channel to a real server, a rule, a test that arrives, and what is refused.

What must stay true: what is secret of a channel is never on the page again; names stand where the API wants ids."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

from conftest import lines, tab_to, wait_for_view

SECRET = "very-secret-path"


@pytest.fixture
def receiver():
    """A server that takes messages; `/gone` refuses them for good."""
    taken = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append((self.path, json.loads(body)))
            self.send_response(410 if self.path == "/gone" else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.taken = taken
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def nothing_chosen(server):
    """Removes what a test made, whatever became of it."""
    yield
    notices = server.get("/api/notices")
    for kind in ("rules", "channels"):
        for one in notices[kind]:
            assert server.ask("DELETE", f"/api/notices/{kind}/{one['name']}").status == 204


def test_a_channel_and_its_test_take_two_clicks_and_a_rule_one_more(server, visit, page, receiver, nothing_chosen):
    visit("#/messages", "Messages")
    form = page.get_by_role("form", name="Channel")
    form.get_by_label("What it is").select_option("slack")
    expect(form.get_by_label("Name")).to_have_value("slack")
    form.get_by_label("Address that the product gave you").fill(f"{receiver.url}/{SECRET}")
    form.get_by_role("button", name="Add the channel").click()
    table = page.get_by_role("table", name="Channels")
    expect(table).to_contain_text("127.0.0.1")
    assert SECRET not in page.content()

    table.get_by_role("button", name="Send a test: slack").click()
    expect(page.locator(".notice.success")).to_have_text("slack took the test message.")
    path, body = receiver.taken[0]
    assert path == f"/{SECRET}" and body["blocks"][0]["text"]["text"].endswith("test message")
    history = page.get_by_role("table", name="What was sent, and what was given up")
    row = lines(history)[0]
    assert (row["Channel"], row["Result"]) == ("slack", "Taken") and "This is a test" in row["What it said"]

    rule = page.get_by_role("form", name="Rule")
    rule.get_by_label("Write when").select_option("stepRate")
    rule.get_by_label("At which step").select_option("TermsofUse")
    # The only channel is chosen already, and the rule has a name.
    expect(rule.get_by_role("checkbox", name="slack")).to_be_checked()
    rule.get_by_role("button", name="Add the rule").click()
    rules = page.get_by_role("table", name="Rules")
    expect(rules).to_contain_text("give up at Terms of use")
    notices = server.get("/api/notices")
    made = {"name": "steps", "watch": {"kind": "stepRate", "step": "TermsofUse"}, "channels": ["slack"], "mutedUntil": None}
    assert notices["rules"] == [made]
    # Links of messages lead here.
    assert notices["policy"]["address"] == server.url

    rules.get_by_role("button", name="Mute for a week: steps").click()
    expect(rules).to_contain_text("Muted until")
    assert server.get("/api/notices")["rules"][0]["mutedUntil"]
    rules.get_by_role("button", name="End muting: steps").click()
    expect(rules).not_to_contain_text("Muted until")
    rules.get_by_role("button", name="Remove: steps").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    expect(rules).to_contain_text("nothing is sent")


def test_a_channel_that_refuses_says_why_and_a_key_is_shown_once(server, visit, page, receiver, nothing_chosen):
    visit("#/messages", "Messages")
    form = page.get_by_role("form", name="Channel")
    form.get_by_label("What it is").select_option("webhook")
    form.get_by_label("Address that the product gave you").fill(f"{receiver.url}/gone")
    form.get_by_role("button", name="Add the channel").click()
    key = page.locator("[data-key=made] code.secret").inner_text()
    assert key.startswith("whsec_")
    page.get_by_role("button", name="Send a test: webhook").click()
    expect(page.locator(".notice.problem")).to_have_text("webhook did not take the test: the server answered 410.")
    row = lines(page.get_by_role("table", name="What was sent, and what was given up"))[0]
    assert row["Result"].startswith("Given up")
    page.get_by_role("link", name="Tokens", exact=True).click()
    wait_for_view(page, "Tokens")
    page.get_by_role("link", name="Messages", exact=True).click()
    wait_for_view(page, "Messages")
    assert key not in page.content()


def test_what_is_refused_is_marked_at_its_field(server, visit, watch, page, nothing_chosen):
    watch.allow("status of 400")
    channel = {"kind": "email", "server": "smtp.contoso.example", "from": "v@contoso.example", "to": ["it@contoso.example"]}
    assert server.ask("PUT", "/api/notices/channels/mail", channel).status == 200
    visit("#/messages", "Messages")
    form = page.get_by_role("form", name="Channel")
    # A name that another channel has is not replaced by mistake.
    form.get_by_role("button", name="Add the channel").click()
    expect(form.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Change: mail").click()
    expect(form.get_by_label("Mail server")).to_have_value("smtp.contoso.example")
    # Rules know it by its name, so that stays.
    expect(form.get_by_label("Name")).to_have_attribute("readonly", "")
    form.get_by_label("Goes to").fill("nobody")
    form.get_by_role("button", name="Save the channel").click()
    expect(form.get_by_label("Goes to")).to_have_attribute("aria-invalid", "true")
    expect(form.get_by_label("Goes to")).to_be_focused()
    expect(form.get_by_text("It must be like it@contoso.example.")).to_be_visible()
    form.get_by_label("Goes to").fill("it@contoso.example\nhelp@contoso.example")
    form.get_by_role("button", name="Save the channel").click()
    expect(page.get_by_role("table", name="Channels")).to_contain_text("help@contoso.example, it@contoso.example")

    rule = page.get_by_role("form", name="Rule")
    rule.get_by_label("Write when").select_option("stuck")
    rule.get_by_label("For more than so many minutes").fill("0")
    rule.get_by_role("button", name="Add the rule").click()
    expect(rule.get_by_label("For more than so many minutes")).to_have_attribute("aria-invalid", "true")
    choices = page.get_by_role("form", name="When messages go out")
    choices.get_by_label("Quiet from").fill("22:00")
    choices.get_by_role("button", name="Save").click()
    expect(choices.get_by_label("Quiet from")).to_have_attribute("aria-invalid", "true")
    choices.get_by_label("Quiet until").fill("07:00")
    choices.get_by_role("button", name="Save").click()
    expect(page.locator(".notice.success")).to_have_text("Saved.")
    assert server.get("/api/notices")["policy"]["quiet"] == "22:00-07:00"
    assert server.ask("PATCH", "/api/notices", {"quiet": None}).status == 200


def test_profiles_and_groups_are_chosen_by_name_with_the_keyboard_alone(server, visit, page, nothing_chosen):
    channel = {"kind": "email", "server": "smtp.contoso.example", "from": "v@contoso.example", "to": ["it@contoso.example"]}
    assert server.ask("PUT", "/api/notices/channels/mail", channel).status == 200
    profiles = server.get("/api/devices/esp-profiles")["value"]
    profile = next(one for one in profiles if not one["isDefault"])
    visit("#/messages", "Messages")
    form = page.get_by_role("form", name="Rule")
    # Enrollments have no profile, so there is nothing to choose as long as an end of theirs is chosen.
    expect(form.get_by_role("group", name="Only of these profiles")).to_be_hidden()
    tab_to(page, "element.value === 'failed' && element.type === 'checkbox'")
    page.keyboard.press("Space")
    for end in ("timedOut", "sessionFailed"):
        tab_to(page, f"element.value === '{end}'")
        page.keyboard.press("Space")
    expect(form.get_by_role("group", name="Only of these profiles")).to_be_visible()
    tab_to(page, f"element.value === '{profile['id']}'")
    page.keyboard.press("Space")
    tab_to(page, "element.textContent === 'Add the rule'")
    page.keyboard.press("Enter")
    expect(page.get_by_role("table", name="Rules")).to_contain_text(f"only of the profile {profile['displayName']}")
    watch = server.get("/api/notices")["rules"][0]["watch"]
    assert watch == {"kind": "outcomes", "of": ["sessionFailed"], "profiles": [profile["id"]]}


def test_a_reader_is_told_who_can_see_it(server, visit, page):
    visit("#/messages", "Messages", token=server.reader)
    expect(page.locator(".notice.information")).to_contain_text("An administrator can change this.")
    expect(page.get_by_role("button", name=re.compile("^Add"))).to_have_count(0)
