"""The size of the page. What must stay true: it is small enough for a slow line; modules for opening files are only
loaded when a file is opened, and not counted."""

import gzip

MOST = 200_000
#: What of the room `file` only an opened file loads.
OFFLINE = {"api.js", "questions.js", "vfs.js", "worker.js"}


def test_the_page_is_light(server):
    files = [one for one in server.web.rglob("*") if one.is_file() and "vendor" not in one.parts]
    kept = [one for one in files if one.parent.name != "file" or one.name not in OFFLINE]
    weight = {str(one.relative_to(server.web)): len(gzip.compress(one.read_bytes(), 6)) for one in kept}
    assert len(weight) > 30
    assert sum(weight.values()) < MOST, sorted(weight.items(), key=lambda one: -one[1])[:10]


def test_a_first_visit_loads_no_offline_module(visit, watch):
    visit("#/incomplete", "Incomplete enrollments")
    assert not [one.url for one in watch.requests if "/vendor/" in one.url or one.url.endswith(".wasm")]
