"""The other ends of channels: an SMTP server (aiosmtpd), and an HTTP server that verifies Standard Webhooks by their own
library. Both print what they received, one JSON a line, and first their ports."""

import asyncio
import datetime
import json
import sys
import threading
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.smtp import SMTP
from standardwebhooks.webhooks import Webhook

printing = threading.Lock()


def say(**what):
    with printing:
        print(json.dumps(what), flush=True)


class Mail:
    async def handle_DATA(self, server, session, envelope):
        mail = message_from_bytes(envelope.content, policy=default)
        if "refused" in envelope.rcpt_tos[0]:
            return "550 no such mailbox"
        say(mail=mail.get_content(), subject=mail["subject"], id=mail["message-id"], to=envelope.rcpt_tos,
            auto=mail["auto-submitted"])
        return "250 taken"


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        kind, _, key = self.path[1:].partition("/")
        verified = None
        if kind == "signed":
            # The library compares the time with its own clock, which is not the test's: the signature alone is its.
            hook = Webhook(key)
            at = datetime.datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), tz=datetime.timezone.utc)
            verified = hook.sign(self.headers["webhook-id"], at, body.decode()) == self.headers["webhook-signature"]
        say(hook=json.loads(body), path=kind, verified=verified, id=self.headers["webhook-id"])
        status = {"busy": 503, "gone": 410, "moved": 302}.get(kind, 200)
        self.send_response(status)
        if status == 302:
            self.send_header("location", "/stolen")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


async def main():
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(lambda: SMTP(Mail()), "127.0.0.1", 0)
    http = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    say(smtp=smtp.sockets[0].getsockname()[1], http=http.server_port)
    # It ends with the test.
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
