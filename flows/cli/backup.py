"""Commands for the day a disk dies: backup, restore."""

import os
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from flows.cli.console import DEFAULT_HOME, HomeOption, JsonOption, app, show
from flows.language import said, warned
from flows.store import Home
from transforms.errors import DigestDiffersError, DropRefusedError, UsageError

BackupArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder of the backup, on another disk.")
]
PlaceArgument = Annotated[
    Path | None,
    typer.Argument(metavar="DIR", help="Folder on another disk; default: [backup] in wuxing.toml."),
]
StateOption = Annotated[
    str,
    typer.Option(
        "--state",
        help="An older state, by its name in DIR/states.",
        callback=lambda text: Path(text).name.removesuffix(".json"),
    ),
]
SHOWN = 5


@app.command()
def backup(
    folder: PlaceArgument = None,
    home: HomeOption = DEFAULT_HOME,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing: read the newest state through.")
    ] = False,
    state: StateOption = "",
    as_json: JsonOption = False,
) -> None:
    """Write the home as it stands into a backup, beside all earlier states; a night may run."""
    from flows.backup.restore import check_backup
    from flows.backup.save import back_up
    from flows.inbox.suppliers import read_suppliers
    from flows.night.diary import district_now

    place = Home(home)
    folder = folder or _configured(place)
    if check:
        told = check_backup(folder, state)
        warnings = _dates(folder)
        lines = [f"{told['state']}: {told['contents']} contents read, all are right", *warnings]
        show({**told, "warnings": warnings}, as_json, lines)
        return
    told = back_up(place, folder, district_now(), read_suppliers(place).inbox)
    new = f"{told['new_bytes'] / (1 << 20):,.1f} MiB of them new"
    warnings = [*_dates(folder), *_longer(folder, told["state"]), *_unread(told["unread"])]
    lines = [f"{told['state']}: {told['files']} files, {new}, read back and compared", *warnings]
    show({**told, "warnings": warnings}, as_json, lines)
    _expect_none(
        told,
        "are not as recorded; the backup keeps them as they were, if it had them: `wuxing verify`",
    )


@app.command()
def restore(
    folder: BackupArgument,
    target: Annotated[Path, typer.Argument(metavar="HOME", help="The new home; must be empty.")],
    state: StateOption = "",
    as_json: JsonOption = False,
) -> None:
    """Write a home from a backup into an empty folder, and verify it."""
    from flows.backup.restore import restore as restore_home
    from flows.money.verify import verify_home
    from flows.money.whole import unwitnessed
    from flows.night.diary import district_now, note_restored

    place = Home(target)
    told = restore_home(folder, place, state)
    note_restored(place, district_now())
    dates = _dates(folder)
    begun = [f"{told['files']} files of {told['made_at']} are in {target}; verifying"]
    begun += _passed_over(told)
    # Said before the home is verified: that may end it.
    for one in (*begun, *dates):
        typer.echo(said(one), err=True)
    seen = verify_home(place)
    unknown = unwitnessed(place)
    warnings = [*seen.warnings, *unknown]
    here = "it lies where its heads have put it: it signs and releases here"
    if unknown:
        here = (
            "it lies where its heads have put it: before anybody signs or releases here, compare "
            f"with the bank what was paid after {told['made_at']}: nothing outside says it"
        )
    elsewhere = (
        "it lies elsewhere than its heads have put it: it looks, replays and verifies, and takes "
        "nothing from an inbox outside it; to sign and release here, both heads sign `wuxing home "
        "move`, and the old home is given up"
    )
    lines = [
        f"{target} is home {told['home_id']} as of {told['made_at']}, verified",
        f"what was signed or released after {told['made_at']} is not in it",
        *warned(dict.fromkeys(warnings)),
        here if told["is_at_home"] else elsewhere,
        *_inbox_elsewhere(place),
    ]
    show({**told, "warnings": [*warnings, *dates]}, as_json, lines)
    _expect_none(told, "were not as recorded when the backup was made")


def _passed_over(told: Mapping[str, Any]) -> list[str]:
    """Say which newer states were not brought back, and why."""
    lines = list[str]()
    if told["passed_over"]:
        *_, newest = told["passed_over"]
        lines.append(
            f"! {len(told['passed_over'])} newer states hold something that is not as recorded and "
            f"were passed over: `--state {newest}` brings the newest back"
        )
    if told["parted"]:
        *_, newest = told["parted"]
        lines.append(
            f"! {len(told['parted'])} states were passed over: a copy of this home wrote them, or "
            "they are of another course of its ledger in which less was signed: `--state "
            f"{newest}` brings the newest back"
        )
    return lines


def _dates(folder: Path) -> list[str]:
    """Say which states of a backup are dated after now."""
    from flows.backup.vault import Vault, dated_ahead
    from flows.night.diary import district_now

    return dated_ahead(Vault(folder), district_now())


def _longer(folder: Path, made: str) -> list[str]:
    """Say that a state just made is not the newest, as another is of a longer ledger."""
    from flows.backup.vault import Vault

    newest = Vault(folder).newest_name()
    if newest == made:
        return []
    return [
        f"{newest} is of a longer ledger: this home came from an older state, or a copy of it "
        "wrote there. `restore` brings back the one in which more was signed, else the longer one; "
        "give this home a folder of its own"
    ]


def _unread(paths: list[str]) -> list[str]:
    """Say which refused files and marks a backup has not, as they can't be read, and the cure."""
    from flows.cli.around import user_name

    me = user_name(os.geteuid())
    rest = [f"… and {len(paths) - SHOWN} more"] if len(paths) > SHOWN else []
    said_of = (
        f"not in this backup, as it can't be read (and no night reads it): {path}; as root: "
        f"`chown {me} {quote(path)}`"
        for path in paths[:SHOWN]
    )
    return [*said_of, *rest]


def _inbox_elsewhere(home: Home) -> list[str]:
    """Say where a restored home has what was delivered, if its inbox is another folder."""
    from flows.inbox.suppliers import INBOX, read_suppliers

    inbox, place = read_suppliers(home).inbox, home.root / INBOX
    if not place.is_dir() or inbox == place:
        return []
    return [
        f"what was delivered lies in {place}, the inbox is {inbox}: if taken and refused are lost "
        "there, move these there before the next night"
    ]


def _configured(home: Home) -> Path:
    """Return the folder that wuxing.toml names; a disk that is not there leaves an empty one.

    Raises:  DropRefusedError if no backup is in it; UsageError if none is named
    """
    from flows.backup.vault import Vault
    from flows.night.settings import read_settings

    folder = read_settings(home).backup.folder
    if not folder:
        raise UsageError(f"give a folder, or name one under [backup] in {home.settings_path}")
    if not Vault(home.root / folder).newest():
        raise DropRefusedError(
            f"no backup is in {folder}: connect its disk; the first one there is made by "
            f"`wuxing backup {folder}`"
        )
    return home.root / folder


def _expect_none(told: Mapping[str, Any], what: str) -> None:
    problems = told["problems"]
    if problems:
        rest = f"\n… and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        shown = "\n".join(problems[:SHOWN])
        raise DigestDiffersError(f"{len(problems)} files {what}\n{shown}{rest}")
