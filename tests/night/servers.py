"""A small mail server and a small web server, real ones on ports of their own."""

import base64
import datetime
import json
import socket
import socketserver
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class MailServer(socketserver.ThreadingTCPServer):
    """Takes mail, behind STARTTLS and a password if it was told so."""

    daemon_threads = True

    def __init__(self, certificate: Path | None = None, password: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _MailTalk)
        self.certificate, self.password = certificate, password
        self.taken: list[EmailMessage] = []
        self.refuses, self.refused, self.farewell = False, "nobody@", "221 bye"


class _MailTalk(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.say("220 here")
        is_safe, is_known = self.server.certificate is None, not self.server.password
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "EHLO":
                self.say(f"250-here\r\n250 {'AUTH PLAIN' if is_safe else 'STARTTLS'}")
            elif word == "STARTTLS":
                self.say("220 go on")
                self.wrap()
                is_safe = True
            elif word == "AUTH":
                given = base64.b64decode(line.split()[2]).split(b"\0")[-1].decode()
                is_known = given == self.server.password
                self.say("235 welcome" if is_known else "535 no")
            elif word == "QUIT":
                self.say(self.server.farewell)
                return
            elif word != "DATA":
                allowed = is_safe and is_known and not self.server.refuses
                allowed &= self.server.refused not in line
                self.say("250 well" if allowed or word == "RSET" else "554 not here")
            else:
                self.say("354 go on")
                self.server.taken.append(self.message())
                self.say("250 taken")

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
        self.wfile.flush()

    def wrap(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        assert self.server.certificate
        context.load_cert_chain(self.server.certificate)
        safe = context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = safe.makefile("rb"), safe.makefile("wb")  # type: ignore[assignment]

    def message(self) -> EmailMessage:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        return message_from_bytes(b"".join(lines), EmailMessage, policy=policy.default)


class OddServer(socketserver.ThreadingTCPServer):
    """Says what it was told to whoever comes; then, if it was told to, the same for ever."""

    daemon_threads, block_on_close = True, False

    def __init__(self, answer: bytes, again: bytes = b"") -> None:
        super().__init__(("127.0.0.1", 0), _OddTalk)
        self.answer, self.again = answer, again


class _OddTalk(socketserver.StreamRequestHandler):
    server: OddServer

    def handle(self) -> None:
        self.wfile.write(self.server.answer)
        with suppress(OSError):
            while self.server.again:
                self.wfile.write(self.server.again)
                time.sleep(0.1)
            # Whoever is hung up on before all was read hears of that alone.
            self.connection.shutdown(socket.SHUT_WR)
            while self.rfile.read(1 << 16):
                pass


class HookServer(ThreadingHTTPServer):
    """Takes JSON, and answers as it was told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _HookTalk)
        self.taken: list[tuple[str, Any]] = []
        self.code, self.answer = 200, {"errcode": 0}


class _HookTalk(BaseHTTPRequestHandler):
    server: HookServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.code == 200 and not self.server.answer["errcode"]:
            self.server.taken.append((self.path, body))
        said = json.dumps(self.server.answer).encode()
        self.send_response(self.server.code)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_given: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(server: Any) -> Iterator[Any]:
    """Let a server work in a thread of its own."""
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_certificate(path: Path) -> Path:
    """Write a key and a certificate of its own for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    day, now = datetime.timedelta(days=1), datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, form, plain)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
