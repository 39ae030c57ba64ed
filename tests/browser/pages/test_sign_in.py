"""Signing in and out. What must stay true: no token or code stays in an address or in a store that a script reads, and
after signing out the browser has nothing that opens anything."""

from playwright.sync_api import expect

from conftest import address, sign_in, wait_for_view

STORED = "() => JSON.stringify({...sessionStorage, ...localStorage, cookie: document.cookie})"


def cookies(page):
    return page.context.cookies()


def test_a_link_signs_in_once_and_leaves_no_code_in_the_address(server, page, new_page, watch):
    code = server.link.partition("code=")[2]
    page.goto(server.link)
    wait_for_view(page, "Overview")
    assert "code" not in page.url
    assert not [one.url for one in watch.requests if code in one.url]
    assert code not in page.evaluate(STORED)
    page.go_back()
    assert "code" not in page.url

    other = new_page()
    watch.allow("status of 401")
    other.goto(server.link)
    expect(other.get_by_text("This link was already used or has expired.")).to_be_visible()
    expect(other.get_by_role("button", name="Sign out")).to_have_count(0)
    assert "code" not in other.url
    # Who came by it is signed in still, and may come by it again.
    page.goto(server.link)
    wait_for_view(page, "Overview")
    assert "code" not in page.url


def test_signing_in_by_token_leads_to_the_requested_view(server, visit, page, watch):
    visit("#/esp?apps=failing", "Enrollment Status Page")
    assert address(page) == ("/esp", {"apps": "failing"})
    assert server.token not in page.url
    assert not [one.url for one in watch.requests if server.token in one.url]


def test_a_wrong_token_is_refused_with_a_message(server, page, watch):
    watch.allow("status of 401")
    page.goto(server.url)
    expect(page.get_by_text("Have you nothing to type?")).to_contain_text("vestibule token link")
    sign_in(page, "vst_contoso_wrong")
    expect(page.get_by_role("alert")).to_contain_text("doesn’t know this token")
    expect(page.get_by_label("Token", exact=True)).to_be_focused()
    assert "vst_contoso_wrong" not in page.evaluate(STORED)
    sign_in(page, server.token)
    wait_for_view(page, "Overview")


def test_signing_out_leaves_nothing_behind(server, visit, page):
    visit("#/incomplete", "Incomplete enrollments")
    page.get_by_role("link", name="Enrollment status").click()
    wait_for_view(page, "Enrollment status")
    [cookie] = cookies(page)
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")
    stored = page.evaluate(STORED)
    assert server.token not in stored and cookie["value"] not in stored
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in to Vestibule")
    assert cookies(page) == []
    for _ in range(2):
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in to Vestibule")
        expect(page.locator("main table, main .tile")).to_have_count(0)
    page.reload()
    expect(page.get_by_label("Token", exact=True)).to_be_visible()


def test_a_token_that_is_revoked_leads_back_to_signing_in(server, visit, page, watch):
    watch.allow("status of 401")
    visit("#/incomplete", "Incomplete enrollments")
    # A late request of this view would be refused, and lead to the sign-in before the click.
    page.wait_for_load_state("networkidle")
    page.route("**/api/**", lambda route: route.fulfill(status=401, json={"title": "Unauthorized", "status": 401}))
    page.get_by_role("link", name="Enrollment status").click()
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    expect(page.locator("main table, main .tile")).to_have_count(0)
    page.unroute("**/api/**")
    sign_in(page, server.token)
    wait_for_view(page, "Enrollment status")


def test_a_reader_is_only_offered_what_it_may_do(server, visit, page):
    visit("#/profiles", "Enrollment Status Page profiles", token=server.reader)
    expect(page.get_by_text("You are signed in as a reader.")).to_be_visible()
    for name in ("New profile", "Assign", "Delete", "Move"):
        expect(page.get_by_role("button", name=name).or_(page.get_by_role("link", name=name))).to_have_count(0)
    page.get_by_role("link", name="Files", exact=True).click()
    wait_for_view(page, "Files")
    expect(page.get_by_role("button", name="Export now")).to_have_count(0)
