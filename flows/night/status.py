"""How the home stands: what ran last, what is missed or late, what waits for a person."""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from flows.backup.vault import CLOCKS_DIFFER, Vault
from flows.inbox.suppliers import read_suppliers
from flows.machine import denial
from flows.money.funds import read_funds
from flows.money.ledger_store import books_of
from flows.money.whole import unwitnessed
from flows.night.diary import DISTRICT_TIME, Night, read_nights, restored_at, that_were_due
from flows.night.settings import (
    BackupSettings,
    NightSettings,
    Settings,
    read_settings,
    read_span,
)
from flows.store import Home, expect_home, read_lines, read_manifest
from transforms.amounts import yuan_text
from transforms.answers.deliveries import LATE
from transforms.errors import WuxingError
from transforms.words import word

# Why there is no day of a newest backup.
NO_BACKUP, BACKUP_UNREAD, BACKUP_AHEAD = "no_backup", "backup_unread", "backup_ahead"
GRACE = timedelta(minutes=8)
DAYS_LOOKED_BACK = 31
LEDGER_LOST = "it is not there: `wuxing ledger rebuild`, or `wuxing restore`"
# A night that ended so is to be done again.
AGAIN = ("failed", "killed")
UNPAID = ("draft", "signed")


def look_at(
    home: Home,
    settings: Settings,
    now: datetime,
    max_age: str | None = None,
    unnoted: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Say how the home stands.

    Rows:    returns  `good`: the newest night came to its end and is not too old, and the next
             can read its configuration; `nights`: those of the last month; unnoted: lines on a
             night that its record could not take
    Raises:  DropRefusedError if there is no home
    """
    expect_home(home)
    every = read_nights(home, unnoted)
    nights = that_were_due(every)
    ended = [night for night in nights if night.state != "running"]
    last, good = ended[-1] if ended else None, [night for night in ended if night.is_good]
    oldest = now - read_span(max_age or settings.night.max_age)
    # One by a clock that ran ahead says nothing of today.
    latest = now + CLOCKS_DIFFER
    is_recent = bool(good) and oldest <= good[-1].started_at <= latest
    read = next((night for night in reversed(ended) if night.run_id), None)
    since, waiting, unread = _since(home, nights, latest), _waiting(home), _unread(home)
    return {
        "good": is_recent and last is good[-1] and not waiting["ledger"] and not unread,
        "is_too_old": not is_recent,
        "max_age": max_age or settings.night.max_age,
        "last": last and last.content(),
        **_last_run(home, last.run_id if last else ""),
        "last_good": good[-1].content() if good else None,
        "running": [night.content() for night in every if night.state == "running"],
        "missed": missed_days(nights, settings.night, since, now) if since else [],
        "late": [one for one in read.deliveries if one["state"] in LATE] if read else [],
        **waiting,
        "configuration": unread,
        "backup": late_backup(home, settings.backup, now),
        "alerts_unsent": len(unsent(home, settings.alerts.channels)),
        "alerts_refused": mail_refused(home, settings),
        "disk_free_gib": shutil.disk_usage(home.root).free >> 30,
        "nights": [night.content() for night in nights[-DAYS_LOOKED_BACK:]],
    }


def _since(home: Home, nights: Sequence[Night], latest: datetime) -> datetime | None:
    """Return from when on a night is due: the first there was, else when the hour was written.

    A home that was restored does not know what nights there were since it was saved.
    """
    known = [restored_at(home), *(night.started_at for night in nights)]
    begun = [at for at in known if at and at <= latest]
    if begun:
        return begun[0]
    if not home.settings_path.is_file():
        return None
    return datetime.fromtimestamp(home.settings_path.stat().st_mtime, DISTRICT_TIME)


def missed_days(
    nights: Sequence[Night], due: NightSettings, since: datetime, now: datetime
) -> list[str]:
    """List the days of the last month on which a night was due and none had begun."""
    if due.due is None:
        return []
    local = now.astimezone(DISTRICT_TIME)
    days = [local.date() - timedelta(days=back) for back in range(DAYS_LOOKED_BACK, -1, -1)]
    slots = [datetime.combine(day, due.due, DISTRICT_TIME) for day in days]
    return [
        slot.date().isoformat()
        for slot in slots
        if since < slot <= now - GRACE and not any(night.is_for(slot) for night in nights)
    ]


def _waiting(home: Home) -> dict[str, Any]:
    """List the batches that wait for a signature or release, and those beyond the budget.

    Holds:   a ledger that can't be read, or is behind a witness, keeps nobody from hearing of the
             rest; what waits in it may be paid already
    """
    nothing: dict[str, Any] = {"signature": [], "release": [], "budget": []}
    nothing |= {"ledger": "", "newest": {}}
    if not home.ledger_path.is_file():
        # Where batches were drawn up there was one.
        is_lost = home.batches.is_dir() and any(home.batches.iterdir())
        return {**nothing, "ledger": LEDGER_LOST} if is_lost else nothing
    try:
        unwitnessed(home)
        books = books_of(home)
    except Exception as fault:
        why = str(fault) if isinstance(fault, WuxingError) else denial(fault)[0]
        if not why:
            raise
        return {**nothing, "ledger": why}
    listed = [
        {
            "batch_id": state.batch_id,
            "run_id": state.run_id,
            "fund": state.fund,
            "as_of": state.as_of,
            "amount_fen": state.amount_fen,
            "missing": state.missing_roles,
            "mark": state.mark,
        }
        for state in books.batches.values()
        if state.state in UNPAID
    ]
    newest = books.newest_run
    return {
        "signature": [one for one in listed if one["missing"] and not one["mark"]],
        "release": [one for one in listed if not one["missing"] and not one["mark"]],
        # One of an earlier run is never released, and the newest run drew its lines up anew.
        "budget": [one for one in listed if one["mark"] and one["run_id"] == newest],
        "ledger": "",
        "newest": {"run_id": newest, **books.runs[newest]} if newest else {},
    }


def _last_run(home: Home, run_id: str) -> dict[str, Any]:
    """Say which policies a run did not run, of how many, and which page says why."""
    try:
        made = read_manifest(home.runs / run_id, "run") if run_id else {}
        policies = made.get("policies", {})
        not_run = sorted(name for name, entry in policies.items() if entry["status"] != "ran")
    except (WuxingError, AttributeError, KeyError, TypeError):
        # Whoever verifies is told that it is damaged.
        policies, not_run = {}, []
    page = str(home.runs / run_id / "report.html") if policies else ""
    return {"not_run": not_run, "policies": len(policies), "report": page}


def _unread(home: Home) -> list[str]:
    """Say why the next night can't read its configuration and will be refused."""
    said = list[str]()
    for read in (read_settings, read_funds, read_suppliers):
        try:
            read(home)
        except WuxingError as wrong:
            said.append(str(wrong))
    return said


def late_backup(home: Home, wanted: BackupSettings, now: datetime) -> str | None:
    """Say of when the newest backup is, if longer ago than wuxing.toml allows, or why none is."""
    if not wanted.folder:
        return None
    try:
        vault = Vault(home.root / wanted.folder)
        newest = vault.newest()
        if not newest:
            return NO_BACKUP if vault.root.is_dir() else BACKUP_UNREAD
    except (WuxingError, OSError):
        return BACKUP_UNREAD
    age = now - datetime.fromisoformat(newest["made_at"])
    if age < -CLOCKS_DIFFER:
        return BACKUP_AHEAD
    return str(newest["made_at"]) if age > read_span(wanted.max_age) else None


def unsent(home: Home, ways: Sequence[str]) -> list[dict[str, Any]]:
    """List what could not be told yet, each with the ways it is still to go.

    A way that was taken out of the settings is awaited no more; what nobody heard of goes by those
    that are there.
    """
    lines = read_lines(home.alerts_path)
    sent = {(line["key"], line["by"]) for line in lines if line.get("event") == "sent"}
    told = {key for key, _ in sent}
    raised = [line for line in lines if line.get("event") == "raised"]
    waiting = [
        line | {"by": [way for way in line["by"] if way in ways and (line["key"], way) not in sent]}
        for line in raised
    ]
    unheard = [
        line | {"by": line["by"] or list(ways)} for line in waiting if line["key"] not in told
    ]
    heard = [line for line in waiting if line["key"] in told]
    return [line for line in [*unheard, *heard] if line["by"]]


def mail_refused(home: Home, settings: Settings) -> list[str]:
    """List for whom the mail server did not take the newest mail, though it took it for others."""
    sent = [one for one in read_lines(home.alerts_path) if one.get("event") == "sent"]
    mails = [one for one in sent if one["by"] == "mail"]
    return mails[-1].get("refused", []) if mails and settings.alerts.mail else []


def night_again(as_of: str, by: str) -> str:
    """Return the command that does a night again: from the inbox, unless it was given a drop."""
    command = ["run", "DROP"] if by == "run" else ["nightly"]
    return " ".join(["wuxing", *command, *(["--as-of", as_of] if as_of else [])])


def status_lines(told: dict[str, Any]) -> list[str]:
    """Say it in a few lines, the newest night first."""
    good = told["last_good"]
    lines = [f"running since {night['started_at']}" for night in told["running"]]
    lines += _last_lines(told)
    if told["is_too_old"]:
        when = good["started_at"] if good else "never"
        lines.append(f"no good night within {told['max_age']}; the last one: {when}")
    *others, newest = told["missed"] or [""]
    if others:
        lines.append(f"missed: {len(others) + 1} nights did not begin, of {others[0]} to {newest}")
    elif newest:
        lines.append(f"missed: no night began on {newest}")
    lines += _late_lines(told["late"])
    for one in told["signature"]:
        amount = yuan_text(one["amount_fen"], ",")
        lines.append(f"waits for {', '.join(one['missing'])}: {one['batch_id']}, {amount} 元")
    for one in told["release"]:
        amount = yuan_text(one["amount_fen"], ",")
        lines.append(f"signed by both, waits to be released: {one['batch_id']}, {amount} 元")
    lines += [f"budget: {one['batch_id']}, {one['fund']}: {one['mark']}" for one in told["budget"]]
    lines += [f"ledger: {told['ledger']}"] if told["ledger"] else []
    lines += [f"the next night will be refused: {why}" for why in told["configuration"]]
    if told["backup"]:
        lines.append(f"backup too old: {word(told['backup'], 'en')}")
    if told["alerts_unsent"]:
        lines.append(f"alerts that could not be sent yet: {told['alerts_unsent']}")
    if told["alerts_refused"]:
        missed = ", ".join(told["alerts_refused"])
        lines.append(f"the newest mail was not taken for {missed}: correct `to` in wuxing.toml")
    lines.append(f"disk: {told['disk_free_gib']} GiB free")
    return lines


def _last_lines(told: Mapping[str, Any]) -> list[str]:
    """Say how the last night ended, where it stands, and what is to be done."""
    last, newest = told["last"], told["newest"]
    if last is None:
        return ["no night has run yet"]
    lines = [f"last night: {last['state']}, as of {last['as_of']}, begun {last['started_at']}"]
    lines += [f"  run {last['run_id']}"] if last["run_id"] else []
    lines += [f"  warnings: {last['warnings']}; {told['report']}"] if last["warnings"] else []
    not_run, of = len(told["not_run"]), told["policies"]
    if not_run:
        lines.append(f"  {not_run} of {of} policies did not run; why: {told['report']}")
    lines += [f"  {last['message']}"] if last["message"] else []
    if last["state"] in AGAIN:
        again = night_again(last["as_of"], last["by"])
        lines.append(f"  mend it and run `{again}` again: nothing is done twice")
    if last["run_id"] and newest and newest["run_id"] != last["run_id"]:
        lines.append(
            f"  the newest run is {newest['run_id']}, as of {newest['as_of']}: only its drafts "
            "can be signed"
        )
    return lines


def _late_lines(late: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say what is late by supplier and kind; of what is no kind of theirs, how many files."""
    of_no_kind = Counter((one["supplier"], one["state"]) for one in late if not one["kind"])
    of_kinds = [f"late: {o['supplier']}, {o['kind']}: {o['state']}" for o in late if o["kind"]]
    return of_kinds + [
        f"{supplier}: {count} files of no kind that it delivers: {state}; see `wuxing inbox`"
        for (supplier, state), count in of_no_kind.items()
    ]
