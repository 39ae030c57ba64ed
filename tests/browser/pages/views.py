"""Every view by name: its address, its heading, and an element that it has once its answers have arrived."""

import re
from urllib.parse import quote


def all_views(server):
    span = "?from={from}&to={to}".format_map(server.settled)
    failed = server.failed
    sessions = server.get("/api/reports/esp/sessions", state="failed", limit=1)["sessions"]
    app = quote(server.get("/api/reports/apps", limit=1)["apps"][0]["app"], safe="")
    profile = next(one for one in server.get("/api/devices/esp-profiles")["value"] if not one["isDefault"])
    return {
        "overview": (f"#/overview{span}", "Overview", "table.steps"),
        "incomplete": (f"#/incomplete{span}", "Incomplete enrollments", ".tile"),
        "attempts": (f"#/attempts{span}&outcome=abandoned", "Attempts", "[data-key=list] tbody"),
        "attempt": (f"#/attempt/{failed['attemptId']}", re.compile("^Attempt of"), ".timeline"),
        "status": ("#/status", "Enrollment status", ".tile"),
        "live": ("#/live", "Enrolling now", "tbody"),
        "esp": (f"#/esp{span}", "Enrollment Status Page", ".card"),
        "apps": (f"#/apps{span}", "Apps", "table.apps-board"),
        "app": (f"#/app/{app}{span}", None, ".tile"),
        "sessions": ("#/sessions", "Enrollment Status Page sessions", "tbody"),
        "session": (f"#/session/{sessions[0]['sessionId']}", re.compile("^Session of"), ".facts"),
        "device": (f"#/device/{sessions[0]['enrollmentKey']}", None, ".esp-screen"),
        "profiles": ("#/profiles", "Enrollment Status Page profiles", ".esp-profile"),
        "profile": (f"#/profile/{profile['id']}", profile["displayName"], "form"),
        "new-profile": ("#/profile/new", "New profile", "form"),
        "assignments": (f"#/profile/{profile['id']}/assignments", None, "form"),
        "person": (f"#/person?user={failed['userPrincipalName']}", re.compile("^Devices of"), ".device-card"),
        "diagnostics": (f"#/diagnostics?user={failed['userPrincipalName']}", "Diagnostics", ".verdict"),
        "files": ("#/files", "Files", "tbody"),
        "senders": ("#/senders", "Senders", "tbody"),
        "account": ("#/account", "Account", "tbody"),
        "settings": ("#/settings", "Settings", "form"),
        "tokens": ("#/tokens", "Tokens", "tbody"),
        "messages": ("#/messages", "Messages", "form"),
        "steps": ("#/steps", "First steps", "form"),
        "nowhere": ("#/nowhere", "Page not found", "p"),
    }


NAMES = [
    "overview",
    "incomplete",
    "attempts",
    "attempt",
    "status",
    "live",
    "esp",
    "apps",
    "app",
    "sessions",
    "session",
    "device",
    "profiles",
    "profile",
    "new-profile",
    "assignments",
    "person",
    "diagnostics",
    "files",
    "senders",
    "account",
    "settings",
    "tokens",
    "messages",
    "steps",
    "nowhere",
]


def open_all(page):
    """Opens closed sections, so that they are checked too, and waits for their answers."""
    page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
    page.wait_for_function("!document.querySelector('main').innerText.includes('Looking it up')")
