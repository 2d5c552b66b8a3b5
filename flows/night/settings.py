"""wuxing.toml: when the night runs, who is told of what, where backups go."""

import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from datetime import time as hour
from datetime import timedelta
from typing import Any, get_args

from flows.money.funds import read_toml
from flows.store import Home
from transforms.errors import DropRefusedError, UsageError
from transforms.strict_yaml import in_backticks, odd_keys

EVENTS = ("failed", "stopped", "warned", "missed", "late", "waiting", "budget", "backup")
VARIABLE = "[A-Za-z_][A-Za-z0-9_]*"
MEMORY = "[0-9]{1,6}([.][0-9]{1,3})? ?[KMGTkmgt]i?[Bb]"
HOURS = {"m": 1 / 60, "h": 1, "d": 24}


def setting(like: str, pattern: str = ".+", default: Any = MISSING) -> Any:
    """Declare a setting: an example of it for messages, what it has to match, its default."""
    return field(default=default, metadata={"like": like, "pattern": pattern})


@dataclass(frozen=True)
class NightSettings:
    """When the night is due (district time), how old the last one may be, what memory it takes."""

    time: str = setting("02:00", "([01][0-9]|2[0-3]):[0-5][0-9]", "")
    max_age: str = setting("26h", "[1-9][0-9]*[mhd]", "26h")
    memory: str = setting("4GB", MEMORY, "")

    @property
    def due(self) -> hour | None:
        """Return the hour of the night; none: no schedule was named, no night can be missed."""
        return hour.fromisoformat(self.time) if self.time else None


@dataclass(frozen=True)
class Mail:
    """A mail server and who writes to whom; the password stands in the environment."""

    host: str = setting("mail.example.cn")
    sender: str = setting("wuxing@example.cn", ".+@.+")
    to: tuple[str, ...] = setting("someone@example.cn", ".+@.+")
    port: int = setting("25", "[1-9][0-9]*", 25)
    security: str = setting("starttls", "none|starttls|tls", "none")
    user: str = setting("wuxing", ".*", "")
    password_env: str = setting("WUXING_MAIL_PASSWORD", VARIABLE, "")


@dataclass(frozen=True)
class Webhook:
    """An address that takes JSON; one with a token in it stands in the environment."""

    # What follows a question mark is a token, more often than not.
    url: str = setting("http://monitor.example.cn/wuxing", "https?://[^?@]+", "")
    url_env: str = setting("WUXING_WEBHOOK", VARIABLE, "")
    form: str = setting("dingtalk", "json|dingtalk|wecom", "json")


@dataclass(frozen=True)
class Command:
    """A program that takes the JSON on its standard input."""

    run: tuple[str, ...] = setting("/opt/wuxing/tell")


@dataclass(frozen=True)
class AlertSettings:
    """What is told, and by which ways; without a way nothing is."""

    events: tuple[str, ...] = setting("failed", "|".join(EVENTS), EVENTS)
    warned_above: int = setting("0", "[0-9]+", 0)
    mail: Mail | None = None
    webhook: Webhook | None = None
    command: Command | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """Return the ways by which an alert goes."""
        return tuple(name for name in ("mail", "webhook", "command") if getattr(self, name))


@dataclass(frozen=True)
class BackupSettings:
    """Where backups go, on another disk, and how old the newest may be."""

    folder: str = setting("/backup/wuxing", ".+", "")
    max_age: str = setting("26h", "[1-9][0-9]*[mhd]", "26h")


@dataclass(frozen=True)
class MatchingSettings:
    """Whether persons are proposed for rows with a damaged id; no determination changes by it."""

    candidates: str = setting("on", "on|off", "on")


@dataclass(frozen=True)
class Settings:
    """All of wuxing.toml."""

    night: NightSettings = NightSettings()
    alerts: AlertSettings = AlertSettings()
    backup: BackupSettings = BackupSettings()
    matching: MatchingSettings = MatchingSettings()


def read_settings(home: Home) -> Settings:
    """Read wuxing.toml; without one nothing is scheduled and nobody told.

    Raises:  DropRefusedError saying where, what was expected and what was found
    """
    settings: Settings = _read(Settings, read_toml(home.settings_path), str(home.settings_path))
    hook = settings.alerts.webhook
    if hook and bool(hook.url) == bool(hook.url_env):
        raise DropRefusedError(
            f"{home.settings_path}, alerts.webhook: give url, or url_env (the name of the variable "
            "that holds an address with a token), one of the two"
        )
    return settings


def read_span(text: str) -> timedelta:
    """Read a span of time: minutes, hours or days; one of wuxing.toml was looked at before.

    Raises:  UsageError that shows what was given with --max-age

    >>> read_span("26h"), read_span("2d")
    (datetime.timedelta(days=1, seconds=7200), datetime.timedelta(days=2))
    """
    if not re.fullmatch("[1-9][0-9]{0,5}[mhd]", text):
        raise UsageError(f"--max-age: expected a span like 26h, 90m or 2d; found {text!r}")
    return timedelta(hours=int(text[:-1]) * HOURS[text[-1]])


def _read(form: Any, entry: Any, where: str) -> Any:
    known = {one.name: one for one in fields(form)}
    if not isinstance(entry, Mapping):
        raise DropRefusedError(f"{where}: expected a table of {in_backticks(known)}")
    odd = odd_keys(entry, [n for n, one in known.items() if one.default is MISSING], known)
    if odd:
        raise DropRefusedError(f"{where}: {odd}; expected {in_backticks(known)}; correct it")
    between = ", " if where.endswith(".toml") else "."
    return form(
        **{name: _value(known[name], entry[name], f"{where}{between}{name}") for name in entry}
    )


def _value(known: Any, found: Any, where: str) -> Any:
    kind = known.type
    if isinstance(kind, types.UnionType):
        kind = get_args(kind)[0]
    if is_dataclass(kind):
        return _read(kind, found, where)
    is_list = kind not in (str, int)
    items = found if is_list and isinstance(found, list) else [found]
    wanted = int if kind is int else str
    fits = isinstance(found, list) == is_list and bool(items)
    if not fits or not all(
        type(item) is wanted and re.fullmatch(known.metadata["pattern"], str(item))
        for item in items
    ):
        like = known.metadata["like"] if kind is int else f'"{known.metadata["like"]}"'
        raise DropRefusedError(
            f"{where}: expected for example {f'[{like}]' if is_list else like}; found {found!r}"
        )
    return tuple(items) if is_list else found
