"""The mailed page on paper: the overview is on one sheet, and nothing is torn apart."""

import json
import os
import re
import subprocess
import urllib.parse
import urllib.request


def pages_of(pdf, path):
    """The texts of a PDF's pages."""
    path.write_bytes(pdf)
    script = "import json, sys, pypdf; print(json.dumps([p.extract_text() for p in pypdf.PdfReader(sys.argv[1]).pages]))"
    output = subprocess.run([os.environ["PDF_PYTHON"], "-c", script, path], check=True, capture_output=True, text=True)
    return [" ".join(text.split()) for text in json.loads(output.stdout)]


def test_the_mailed_page_has_the_overview_on_one_sheet(server, new_page, tmp_path):
    link = server.get("/api/reports/files/latest/link", part="report")
    path = tmp_path / "report.html"
    with urllib.request.urlopen(urllib.parse.urljoin(server.url, link["url"])) as response:
        path.write_bytes(response.read())
    # A page of its own, since it is no page of the server.
    page = new_page()
    page.set_content(path.read_text())
    first, second, *others = pages_of(page.pdf(prefer_css_page_size=True), tmp_path / "report.pdf")
    assert server.tenant in first and "Enrollment report" in first
    assert re.search(r"\d+\.\d% give up \([\d,]+ of [\d,]+\)", first), first
    # The whole overview, its last part too; the rest is behind it.
    for part in ("Overview", "What became of those who reached each step", "At no step", "What got worse"):
        assert part in first, part
    assert "Incomplete enrollments" not in first and second.startswith("Incomplete enrollments"), second[:80]
    assert re.search("on all platforms. (Nothing|Too few|What got worse beyond chance)", first), first[-300:]
    # No heading stands alone at the foot of a page, and no table's head.
    headings = [" ".join(text.split()) for text in page.locator("h2, h3, caption, thead").all_inner_texts()]
    for text in [first, second, *others]:
        assert not any(heading and text.endswith(heading) for heading in headings), text[-120:]
    # Charts are whole: none is taller than a sheet, and none may be broken.
    page.emulate_media(media="print")
    figures = page.locator("figure").evaluate_all(
        "(all) => all.map((one) => [one.getBoundingClientRect().height, getComputedStyle(one).breakInside])"
    )
    assert len(figures) == 2 and all(height < 900 and inside == "avoid" for height, inside in figures), figures
