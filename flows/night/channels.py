"""The ways an alert goes out: a mail, a web hook, a command. A fault is a word, never a secret."""

import json
import os
import smtplib
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from flows.night.settings import AlertSettings, Command, Mail, Webhook
from transforms.digest import text_digest

SECONDS = 20
# Of text that WeCom takes; DingTalk takes more.
MOST_BYTES = 2000


class UnsentError(Exception):
    """An alert could not be sent, and why, in words that hold no secret."""


def send(settings: AlertSettings, way: str, alert: Mapping[str, Any]) -> str:
    """Send an alert; return why it could not be sent, nothing if it was."""
    try:
        if way == "mail" and settings.mail:
            _mail(settings.mail, alert)
        elif way == "webhook" and settings.webhook:
            _webhook(settings.webhook, alert)
        elif settings.command:
            _command(settings.command, alert)
    except UnsentError as fault:
        return str(fault)
    except urllib.error.HTTPError as refused:
        return f"HTTP {refused.code}"
    except urllib.error.URLError as fault:
        return type(fault.reason).__name__
    # What a server answers may repeat what it was sent.
    except (OSError, ValueError, smtplib.SMTPException, subprocess.SubprocessError) as fault:
        return type(fault).__name__
    return ""


def _secret(variable: str) -> str:
    value = os.environ.get(variable, "")
    if not value:
        raise UnsentError(f"the variable {variable} is not set")
    return value


def _mail(mail: Mail, alert: Mapping[str, Any]) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = alert["title"], mail.sender, mail.to
    message["Date"] = format_datetime(datetime.fromisoformat(alert["at"]))
    # The same alert is the same message: a server may know it again.
    name = text_digest(f"{alert['home']} {alert['key']}")[:32]
    message["Message-ID"] = f"<{name}@{alert['host']}>"
    message.set_content(alert["text"])
    context = ssl.create_default_context()
    if mail.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            mail.host, mail.port, timeout=SECONDS, context=context
        )
    else:
        server = smtplib.SMTP(mail.host, mail.port, timeout=SECONDS)
    with server:
        if mail.security == "starttls":
            server.starttls(context=context)
        if mail.user:
            server.login(mail.user, _secret(mail.password_env))
        server.send_message(message)


def _webhook(hook: Webhook, alert: Mapping[str, Any]) -> None:
    is_chat = hook.form != "json"
    text = alert["text"].encode()[:MOST_BYTES].decode(errors="ignore")
    body = {"msgtype": "text", "text": {"content": text}} if is_chat else dict(alert)
    request = urllib.request.Request(
        hook.url or _secret(hook.url_env),
        json.dumps(body, ensure_ascii=False).encode(),
        {"Content-Type": "application/json; charset=utf-8"},
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        said = answer.read(1 << 16)
    # Both chats answer 200 to what they refuse.
    if is_chat and (code := json.loads(said).get("errcode")) != 0:
        raise UnsentError(f"errcode {code}")


def _command(command: Command, alert: Mapping[str, Any]) -> None:
    text = json.dumps(alert, ensure_ascii=False)
    ran = subprocess.run(
        command.run, input=text.encode(), timeout=SECONDS * 3, capture_output=True, check=False
    )
    if ran.returncode:
        raise UnsentError(f"exit code {ran.returncode}")
