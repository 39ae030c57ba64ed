"""Checks that the other tests notice problems: each test does something that a page must not do."""

import pytest
from playwright.sync_api import expect

DEEDS = {
    "console: on purpose": "console.error('on purpose')",
    "page error: on purpose": "setTimeout(() => { throw new Error('on purpose'); })",
    "policy: img-src": "new Image().src = 'http://127.0.0.2:9/picture.png'",
    "policy: script-src": "document.body.append(Object.assign(document.createElement('script'), { text: '1' }))",
    "a request elsewhere: http://127.0.0.2": "location.href = 'http://127.0.0.2:9/'",
}


@pytest.mark.parametrize("problem", DEEDS)
def test_it_is_noticed(server, page, watch, problem):
    page.goto(server.url)
    expect(page.get_by_label("Token", exact=True)).to_be_visible()
    assert watch.problems == []
    page.evaluate(f"() => {{ {DEEDS[problem]} }}")
    for _ in range(1000):
        if any(problem in one for one in watch.problems):
            break
        # Any call to the browser also delivers its pending events.
        page.context.cookies()
    assert any(problem in one for one in watch.problems), watch.problems
    # A closed page causes no further problems.
    page.context.close()
    watch.problems.clear()
