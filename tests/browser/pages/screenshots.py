"""Takes full-page pictures of every view, light and dark, narrow and wide: `screenshots.py DIR`. They are for people to
look at; the tests check the page."""

import os
import sys
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from conftest import FLAGS, given_server, sign_in, wait_for_view
from views import all_views, open_all

WIDTHS = (360, 1280)
SCHEMES = ("light", "dark")


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    server = given_server()
    views = all_views(server)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=FLAGS)
        for name, (address, heading, content) in views.items():
            page = browser.new_page(locale="en-GB", reduced_motion="reduce")
            page.goto(f"{server.url}/{address}")
            if name == "overview":
                picture(page, folder, "sign-in")
            sign_in(page, server.token)
            wait_for_view(page, heading)
            expect(page.locator(f"main {content}").first).to_be_visible()
            if name in ("status", "diagnostics"):
                open_all(page)
            picture(page, folder, name)
            page.close()
        browser.close()


def picture(page, folder, name):
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
