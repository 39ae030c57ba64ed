"""Whether everybody can use it: axe-core over every view, light and dark, wide and narrow, and what axe can't see.

What must stay true: no view has a serious or critical violation, and none scrolls sideways at 360 px.
"""

import re
import uuid
from importlib import resources

import pytest
from playwright.sync_api import expect

from conftest import sign_in, wait_for_view
from views import NAMES, all_views, open_all

AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text()
RUN = """async () => {
  // A view that loads is dimmed, and nobody can use it yet; one that began to load meanwhile is looked at again.
  const isBusy = () => document.querySelector('[data-pending], [aria-busy="true"]') !== null;
  let wasBusy = true;
  const watch = new MutationObserver(() => { wasBusy ||= isBusy(); });
  watch.observe(document, { subtree: true, childList: true, attributeFilter: ['data-pending', 'aria-busy'] });
  let found;
  while (wasBusy) {
    while (isBusy()) await new Promise(requestAnimationFrame);
    wasBusy = false;
    // Measured too: what is pressed is at least 24 px wide and high, or far enough from its neighbours.
    found = await axe.run(document, { resultTypes: ['violations'], rules: { 'target-size': { enabled: true } } });
  }
  watch.disconnect();
  return found.violations.filter((one) => ['serious', 'critical'].includes(one.impact)).map((one) => (
    `${one.id} (${one.impact}): ${one.nodes.slice(0, 3).map((node) => (
      `${node.target} ${[...node.any, ...node.all, ...node.none][0]?.message ?? ''}`)).join('; ')}`));
}"""


@pytest.fixture(scope="module")
def views(server):
    found = all_views(server)
    assert list(found) == NAMES
    return found


def show(page, server, view):
    address, heading, content = view
    page.goto(f"{server.url}/{address}")
    sign_in(page, server.token)
    wait_for_view(page, heading)
    expect(page.locator(f"main {content}").first).to_be_visible()


def violations(page):
    # Evaluated, not added as a script: the page's policy refuses foreign scripts.
    page.evaluate(AXE)
    return page.evaluate(RUN)


def sideways(page):
    """The elements that are wider than a narrow screen and not in a region that scrolls."""
    page.set_viewport_size({"width": 360, "height": 740})
    return page.evaluate("""() => {
      const width = document.documentElement.clientWidth;
      const scrolls = (element) => ['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(element).overflowX);
      const isInRegion = ({ parentElement: parent }) => parent && parent !== document.body
        && (scrolls(parent) || isInRegion(parent));
      const out = [...document.body.querySelectorAll('*')].filter((element) => (
        element.getBoundingClientRect().right > width + 1 && !isInRegion(element)));
      const whole = document.documentElement.scrollWidth > width ? [`${document.documentElement.scrollWidth} px`] : [];
      return [...whole, ...out.slice(0, 5).map((one) => one.outerHTML.slice(0, 120))];
    }""")


def silent_tables(page):
    """The tables that are wider than their region without saying so."""
    return page.evaluate("""async () => {
      // A table says so once its size has been observed: after the next picture.
      for (let pictures = 0; pictures < 2; pictures += 1) await new Promise(requestAnimationFrame);
      const scrolls = (one) => one.scrollWidth > one.clientWidth + 1;
      const regions = [...document.querySelectorAll('.table-region')];
      return regions.filter((one) => one.checkVisibility() && scrolls(one) !== !one.querySelector('.table-hint').hidden)
        .map((one) => one.querySelector('caption').textContent);
    }""")


@pytest.mark.parametrize("name", NAMES)
def test_everybody_can_use_it(server, new_page, views, name):
    page = new_page(color_scheme="light", reduced_motion="reduce")
    show(page, server, views[name])
    for landmark in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(landmark)).to_have_count(1)
    expect(page.locator("h1")).to_have_count(1)
    expect(page.locator("h1")).to_be_focused()
    headings = page.locator("main :is(h1, h2, h3, h4, h5)")
    levels = headings.evaluate_all("(all) => all.map((one) => Number(one.tagName[1]))")
    assert all(later <= before + 1 for before, later in zip(levels, levels[1:], strict=False)), levels
    assert page.title().endswith("Vestibule") and page.title() != "Vestibule"

    open_all(page)
    found = {"light": violations(page)}
    page.emulate_media(color_scheme="dark")
    found["dark"] = violations(page)
    found["360 px"] = sideways(page)
    found["tables that scroll and do not say so"] = silent_tables(page)
    found["360 px, dark"] = violations(page)
    assert {where: what for where, what in found.items() if what} == {}


@pytest.mark.parametrize("name", ["incomplete", "status", "esp"])
def test_the_first_number_is_on_the_first_screen_of_a_phone_and_filters_unfold(server, new_page, views, name):
    page = new_page(viewport={"width": 360, "height": 740})
    show(page, server, views[name])
    box = page.locator("main :is(.tile-value, .headline)").first.bounding_box()
    assert box["y"] + box["height"] < 740, box
    form = page.get_by_role("form", name="Filters")
    if form.count():
        expect(form.get_by_label("First day")).to_be_hidden()
        form.get_by_role("button", name="Days and filters").click()
        expect(form.get_by_label("First day")).to_be_visible()
        assert violations(page) + sideways(page) == []


def test_long_words_do_not_widen_a_narrow_page(server, new_page):
    serial = f"PAGE{uuid.uuid4().hex[:8]}"
    data = {"platform": "ios", "device": {"serialNumber": serial, "name": f"iPad{'n' * 60}"}}
    server.post_event("enrollment.started", data)
    message = f"Expired certificate: IOSProfileSigning.manage.microsoft.com.{'x' * 80}"
    server.post_event("enrollment.failed", {**data, "failure": {"code": f"0x{'8' * 60}", "message": message}})
    attempts = server.get("/api/reports/incomplete-enrollments/attempts", enrollmentKey=serial.lower(), os="all")
    page = new_page(reduced_motion="reduce")
    page.goto(server.url)
    sign_in(page, server.token)
    wait_for_view(page)
    found = {}
    for place, heading, content in (
        ("#/status", "Enrollment status", ".item-list"),
        (f"#/attempt/{attempts['attempts'][0]['attemptId']}", re.compile("^Attempt of"), ".timeline"),
        (f"#/diagnostics?device={serial.lower()}", "Diagnostics", ".verdict"),
        (f"#/attempts?enrollmentKey={serial.lower()}", "Attempts", "[data-key=list]"),
    ):
        page.goto(f"{server.url}/{place}")
        wait_for_view(page, heading)
        expect(page.locator(f"main {content}").first).to_be_visible()
        open_all(page)
        found[place] = sideways(page)
    assert {where: what for where, what in found.items() if what} == {}


def test_the_navigation_is_one_line_of_a_narrow_screen_and_shows_where_one_is(server, visit, new_page):
    page = new_page(viewport={"width": 360, "height": 740})
    visit("#/files", "Files", on=page)
    links = page.get_by_role("navigation", name="Views").get_by_role("link")
    tops = {round(links.nth(at).bounding_box()["y"]) for at in range(links.count())}
    assert links.count() > 4 and len(tops) == 1, tops
    expect(links.and_(page.locator("[aria-current=page]"))).to_be_in_viewport(ratio=0.9)


def test_everybody_can_sign_in(server, new_page):
    page = new_page(color_scheme="light")
    page.goto(server.url)
    expect(page.get_by_label("Token", exact=True)).to_be_visible()
    found = violations(page)
    page.emulate_media(color_scheme="dark")
    assert found + violations(page) + sideways(page) == []


def test_the_theme_is_chosen_and_kept(server, new_page, views):
    page = new_page(color_scheme="light")
    show(page, server, views["files"])
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_label("Theme").select_option("dark")
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    wait_for_view(page, "Files")
    expect(page.get_by_label("Theme")).to_have_value("dark")
    assert page.evaluate(background) == dark
    expect(page.locator("tbody")).to_be_visible()
    assert violations(page) == []
