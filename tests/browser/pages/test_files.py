"""The files. What must stay true: a download has the bytes of the file that is listed."""

import base64
import csv
import hashlib
import sqlite3
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import expect

from conftest import cells, number, query, wait_for_view
from views import all_views

FILES = "/api/reports/files"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_files_are_listed(server, visit, page):
    visit("#/files", "Files")
    files = server.get(FILES)["files"]
    lines = cells(page.get_by_role("table", name="Published files, newest first"))
    assert len(lines) == len(files) >= 2
    assert [number(line[2]) for line in lines] == [one["rows"]["attempts"] for one in files]
    shown = page.locator(".hash code").evaluate_all("(codes) => codes.map((code) => code.title)")
    assert shown == [one["sha256"] for one in files]


@pytest.mark.parametrize("part, member", [("Database", None), ("Summary", "summary"), ("Report", "reportHtml")])
def test_a_download_is_what_is_listed(server, visit, page, part, member):
    visit("#/files", "Files")
    newest = server.get(FILES)["files"][0]
    row = page.locator("tbody tr").first
    with page.expect_download() as download:
        row.get_by_role("button", name=part).click()
    expected = newest[member]["sha256"] if member else row.locator(".hash code").get_attribute("title")
    path = download.value.path()
    assert sha256(path) == expected
    assert newest["asOf"][:10] in download.value.suggested_filename
    expect(page.locator(".notice")).to_contain_text("the download has begun")
    if part != "Report":
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as file:
            assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    # The page does not keep the link, which works for anybody.
    expect(page.locator("a[download]")).to_have_count(0)


def test_a_file_is_made_on_request(server, visit, page):
    visit("#/files", "Files")
    before = server.get(FILES)["files"]
    page.get_by_role("button", name="Export now").click()
    expect(page.get_by_role("button", name="Exporting…")).to_be_focused()
    page.get_by_role("link", name="Incomplete enrollments").click()
    wait_for_view(page, "Incomplete enrollments")
    page.get_by_role("link", name="Files", exact=True).click()
    wait_for_view(page, "Files")
    page.get_by_role("button", name="Export now").click()
    expect(page.locator(".notice").filter(has_text="The file is ready")).to_be_visible(timeout=60_000)
    after = server.get(FILES)["files"]
    assert len(after) > len(before) and after[0]["asOf"] > before[0]["asOf"]
    expect(page.locator(".hash code").first).to_have_attribute("title", after[0]["sha256"])


def test_each_table_is_a_csv_one_click_away(server, visit, page):
    """Numbers are those that were answered, and a name that begins like a formula is none."""
    serial = f"PAGE{uuid.uuid4().hex[:8]}"
    name = f'=HYPERLINK("{serial}")'
    data = {"platform": "ios", "device": {"serialNumber": serial, "name": name}}
    for kind in ("enrollment.started", "enrollment.cancelled"):
        server.post_event(kind, data)
    visit(f"#/attempts?enrollmentKey={serial.lower()}", "Attempts")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download as CSV: Attempts, newest first").click()
    assert saved.value.suggested_filename == "attempts-newest-first.csv"
    rows = list(csv.DictReader(Path(saved.value.path()).read_text("utf-8-sig").splitlines()))
    assert [row["Device and user"] for row in rows] == [f"'{name}"]

    span = server.settled
    page.goto(f"{server.url}/#/incomplete{query(**span)}")
    wait_for_view(page, "Incomplete enrollments")
    report = server.get("/api/reports/incomplete-enrollments", **span)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download as CSV: Abandoned attempts by place").click()
    rows = list(csv.DictReader(Path(saved.value.path()).read_text("utf-8-sig").splitlines()))
    assert sum(int(row["Abandoned"]) for row in rows) == report["abandoned"]

    # Every table of every view has one, if it has rows.
    for address, heading, content in all_views(server).values():
        page.goto(f"{server.url}/{address}")
        wait_for_view(page, heading)
        expect(page.locator(f"main {content}").first).to_be_attached()
        without = page.evaluate(
            "[...document.querySelectorAll('main .table-region')].filter((one) => "
            "!one.querySelector('tr.empty') && !one.querySelector('.table-csv')).length"
        )
        assert without == 0, address


# The pixels of a PNG: its size, how many colours it has, and how many of its pixels have a wanted one.
PIXELS = """async ([base64, wanted]) => {
    const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const colours = new Map();
    for (const pixel of new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer))
        colours.set(pixel, (colours.get(pixel) ?? 0) + 1);
    context.fillStyle = wanted;
    context.fillRect(0, 0, 1, 1);
    const [pixel] = new Uint32Array(context.getImageData(0, 0, 1, 1).data.buffer);
    return { width: image.width, height: image.height, colours: colours.size, wanted: colours.get(pixel) ?? 0 };
}"""


def test_each_chart_and_table_is_a_picture_one_click_away(server, visit, page):
    """A picture looks like the page in its theme: the bars of a table and the lines of a chart have their colours."""

    def pixels_of(name, shape, member):
        element = page.locator(shape).first
        colour = element.evaluate(f"(one) => getComputedStyle(one).{member}")
        with page.expect_download() as saved:
            page.get_by_role("button", name=f"Download as PNG: {name}").first.click()
        assert saved.value.suggested_filename.endswith(".png")
        content = Path(saved.value.path()).read_bytes()
        assert content.startswith(b"\x89PNG")
        return page.evaluate(PIXELS, [base64.b64encode(content).decode(), colour])

    span = server.settled
    visit("#/overview", "Overview")
    for theme in ("light", "dark"):
        page.goto(f"{server.url}/#/incomplete{query(**span)}")
        wait_for_view(page, "Incomplete enrollments")
        page.get_by_label("Theme").select_option(theme)
        drawn = pixels_of("Abandoned attempts by place", "main table.places .bar-picture rect", "fill")
        # Twice the page's pixels, its letters smoothed in many shades, and the bars.
        assert drawn["width"] > 1000 and drawn["colours"] > 50 and drawn["wanted"] > 2000, drawn
        drawn = pixels_of("Abandoned attempts by place", "main .card", "backgroundColor")
        assert drawn["wanted"] > 100_000, drawn
        page.goto(f"{server.url}/#/overview")
        wait_for_view(page, "Overview")
        drawn = pixels_of("Share of attempts that were given up", "main .line-picture .series .line", "stroke")
        assert drawn["width"] > 500 and drawn["wanted"] > 100, drawn
