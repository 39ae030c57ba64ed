"""An SMTP server that asks for a password. With a certificate it takes nothing before STARTTLS; without, it offers no TLS.
It prints its port, then each password that it was given and each mail that it took, and ends with its standard input."""

import asyncio
import json
import ssl
import sys
from email import message_from_bytes
from email.policy import default

from aiosmtpd.smtp import SMTP, AuthResult


def say(what):
    print(json.dumps(what), flush=True)


class Mail:
    async def handle_DATA(self, server, session, envelope):
        mail = message_from_bytes(envelope.content, policy=default)
        tls = session.ssl and session.ssl.get("cipher") and session.ssl["cipher"][1]
        say({"subject": mail["subject"], "to": envelope.rcpt_tos, "tls": tls})
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    given = [data.login.decode(), data.password.decode()]
    say({"password": given})
    return AuthResult(success=given == ["vestibule", "correct horse"])


async def main(certificate):
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)

    def smtp():
        return SMTP(Mail(), tls_context=context, require_starttls=context is not None, auth_required=True,
                    auth_require_tls=False, authenticator=authenticate)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(smtp, "127.0.0.1", 0)
    say(server.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main(sys.argv[1:]))
