"""Makes tickets of Vestibule's messages. docs/MESSAGES.md ("Tickets") says how it is set up, and what stands for what.

    pip install standardwebhooks
    SIGNING_KEY=whsec_… python receiver.py tickets.sqlite 8700

Must stay true: nothing is read of a message that is not verified, none is taken twice, and one that could not be made a
ticket of is refused so that it comes again.
"""

import contextlib
import os
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

LONGEST_BODY = 1_000_000


class Desk:
    """Tickets in a SQLite file. To use a service desk, put its calls into open, comment and resolve."""

    def __init__(self, path):
        self.db = sqlite3.connect(path)
        self.db.executescript("""
            CREATE TABLE IF NOT EXISTS taken (id TEXT PRIMARY KEY, at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);
            CREATE TABLE IF NOT EXISTS tickets (
                number INTEGER PRIMARY KEY, key TEXT NOT NULL, title TEXT NOT NULL, resolved INTEGER NOT NULL DEFAULT 0);
            CREATE TABLE IF NOT EXISTS notes (ticket INTEGER NOT NULL, at TEXT NOT NULL, text TEXT NOT NULL);
        """)

    def find(self, key):
        """The number of the open ticket about this, if there is one."""
        sql = "SELECT max(number) FROM tickets WHERE key = ? AND NOT resolved"
        return self.db.execute(sql, [key]).fetchone()[0]

    def open(self, key, title, at):
        number = self.db.execute("INSERT INTO tickets (key, title) VALUES (?, ?)", [key, title]).lastrowid
        self.comment(number, title, at)

    def comment(self, number, text, at):
        self.db.execute("INSERT INTO notes VALUES (?, datetime(?, 'unixepoch'), ?)", [number, at, text])

    def resolve(self, number, text, at):
        self.comment(number, text, at)
        self.db.execute("UPDATE tickets SET resolved = 1 WHERE number = ?", [number])

    def take(self, id, data):
        """Takes a message whole, or nothing of it. What was taken before changes nothing."""
        with self.db:
            # A message is sent again for a day.
            self.db.execute("DELETE FROM taken WHERE at < datetime('now', '-7 days')")
            if self.db.execute("INSERT OR IGNORE INTO taken (id) VALUES (?)", [id]).rowcount:
                for line in data["lines"]:
                    self.take_line(data["tenant"], line)

    def take_line(self, tenant, line):
        kind, change, words = line["facts"]["kind"], line["change"], line["words"]
        at = line["at"] // 1000  # Seconds since 1970, as SQLite reads them.
        if kind in ("file", "week"):
            return  # News, and nothing to do.
        key = f"{tenant}/{line['rule']}/{line['subject']}"
        ticket = self.find(key)
        # A correction without "bad" says that it did not end badly after all.
        if change == "over" or change == "corrected" and "bad" not in line["facts"]["is"]:
            if ticket:
                self.resolve(ticket, words, at)
        elif ticket:
            self.comment(ticket, words, at)
        else:
            self.open(key, f"{tenant}: {words}", at)


class Hook(BaseHTTPRequestHandler):
    timeout = 10  # Seconds for a client that says nothing; Vestibule waits fifteen for the answer.

    def do_POST(self):
        self.send_response(self.status())
        self.send_header("content-length", "0")
        self.end_headers()

    def status(self):
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > LONGEST_BODY:
            return 413
        try:
            message = self.server.webhook.verify(self.rfile.read(int(length)), dict(self.headers))
        except (WebhookVerificationError, ValueError):
            return 401
        try:
            self.server.desk.take(self.headers["webhook-id"], message["data"])
        except sqlite3.Error as error:
            print(f"a message was not taken and comes again: {error}", file=sys.stderr, flush=True)
            return 503
        return 204


def main(path, port):
    server = HTTPServer(("127.0.0.1", int(port)), Hook)
    server.desk, server.webhook = Desk(path), Webhook(os.environ["SIGNING_KEY"])
    print(f"takes messages at http://127.0.0.1:{server.server_port}/", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


main(*sys.argv[1:])
