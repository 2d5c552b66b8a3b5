"""Send one mail or web hook, in a process of its own with limits: a server may talk without end.

It hears in one line of JSON by which way, what wuxing.toml says of that way, and the alert; it says
in one line of JSON why it could not be sent, nothing if it was, and who of several did not get it.
"""

import json
import os
import re
import resource
import smtplib
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from http.client import HTTPException
from typing import Any

from flows.machine import keep_limit, where_broken

MEMORY_BYTES = 1 << 30
# Of waiting for one piece of an answer; whoever started this process waits for the whole.
SECONDS = 20
# Of text that WeCom takes; DingTalk takes more.
MOST_BYTES = 2000
ADDRESS = r"(?i)https?://(\[[0-9a-f:.]+\]|[^\[\]/?#@:\s]+)(:[0-9]{1,5})?([/?][!-~]*)?"
# What a server answers may repeat what it was sent: of these the type is told.
OUTSIDE = (OSError, ValueError, MemoryError, smtplib.SMTPException, HTTPException)


class UnsentError(Exception):
    """An alert could not be sent, and why, in words that hold no secret."""


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: what is sent on becomes a question without a body, and arrives nowhere."""

    def redirect_request(self, *_given: Any) -> None:
        """Take no other address."""


def main() -> None:
    """Send what is asked for; say what became of it."""
    keep_limit(resource.RLIMIT_AS, MEMORY_BYTES)
    asked = json.loads(sys.stdin.readline())
    send, fault, refused = {"mail": mail, "webhook": webhook}[asked["way"]], "", list[str]()
    try:
        refused = send(asked["settings"], asked["alert"])
    except Exception as stop:
        fault = fault_of(stop)
    print(json.dumps({"fault": fault, "refused": refused}), flush=True)


def fault_of(stop: Exception) -> str:
    """Say why an alert could not be sent, in words that hold no secret."""
    if isinstance(stop, UnsentError):
        return str(stop)
    if isinstance(stop, urllib.error.HTTPError):
        leads_on = 300 <= stop.code < 400
        said = f"HTTP {stop.code}"
        return f"{said}: it redirects; write the address where it leads" if leads_on else said
    if isinstance(stop, urllib.error.URLError):
        return type(stop.reason).__name__
    return type(stop).__name__ if isinstance(stop, OUTSIDE) else where_broken(stop)


def mail(way: Mapping[str, Any], alert: Mapping[str, Any]) -> list[str]:
    """Send a mail; return who of several was refused."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = alert["title"], way["sender"], way["to"]
    message["Date"] = format_datetime(datetime.fromisoformat(alert["at"]))
    # The same alert is the same message: a server may know it again.
    message["Message-ID"] = f"<{alert['name']}@{alert['host']}>"
    message.set_content(alert["text"])
    context = ssl.create_default_context()
    host, port = way["host"], way["port"]
    if way["security"] == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=context)
    else:
        server = smtplib.SMTP(host, port, timeout=SECONDS)
    if way["security"] == "starttls":
        server.starttls(context=context)
    if way["user"]:
        server.login(way["user"], _secret(way["password_env"]))
    refused = server.send_message(message)
    # It was taken: whatever is answered to this changes nothing.
    with suppress(OSError, smtplib.SMTPException):
        server.putcmd("quit")
    return sorted(refused)


def webhook(way: Mapping[str, Any], alert: Mapping[str, Any]) -> list[str]:
    """Send JSON to an address, which takes it for all."""
    is_chat = way["form"] != "json"
    text = alert["text"].encode()[:MOST_BYTES].decode(errors="ignore")
    content = {name: alert[name] for name in alert if name != "name"}
    body = {"msgtype": "text", "text": {"content": text}} if is_chat else content
    address = (way["url"] or _secret(way["url_env"])).strip()
    if not re.fullmatch(ADDRESS, address):
        where = way["url_env"] or "url"
        raise UnsentError(
            f"{where}: expected an address that begins with http, in ASCII, no blanks"
        )
    request = urllib.request.Request(
        address,
        json.dumps(body, ensure_ascii=False).encode(),
        {"Content-Type": "application/json; charset=utf-8"},
    )
    with urllib.request.build_opener(NoRedirects).open(request, timeout=SECONDS) as answer:
        # Both chats answer 200 to what they refuse.
        if is_chat:
            _expect_taken(answer.read(1 << 16))
    return []


def _secret(variable: str) -> str:
    value = os.environ.get(variable, "")
    if not value:
        raise UnsentError(f"the variable {variable} is not set")
    return value


def _expect_taken(said: bytes) -> None:
    with suppress(ValueError):
        answer = json.loads(said)
        code = answer.get("errcode") if isinstance(answer, dict) else None
        if code == 0:
            return
        if isinstance(code, int):
            raise UnsentError(f"errcode {code}")
    raise UnsentError("it answered no JSON with an errcode: is it the robot's address?")


if __name__ == "__main__":
    main()
