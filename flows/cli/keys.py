"""Commands of people and keys: init, key, home; what both heads sign together."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.console import (
    DEFAULT_HOME,
    AnyHomeOption,
    HomeOption,
    JsonOption,
    app,
    ask_passphrase,
    home_app,
    key_app,
    show,
)
from flows.cli.signing import (
    act_given,
    countersigned,
    post_or_write,
    statement_lines,
    to_be_signed,
)
from flows.language import headings, said
from flows.store import Home, hold_home
from transforms.errors import UsageError
from transforms.visible import table

HrKeyOption = Annotated[
    Path | None, typer.Option("--hr-key", help="Key file of the HR bureau's head.")
]
FinanceKeyOption = Annotated[
    Path | None, typer.Option("--finance-key", help="Key file of the finance bureau's head.")
]
SignedOption = Annotated[
    Path | None, typer.Option("--signed", help="The act's file, signed by both heads.")
]
OutOption = Annotated[Path | None, typer.Option("--out", help="File for what is to be signed.")]
ActArgument = Annotated[Path, typer.Argument(metavar="FILE", help="Request or act.")]
RoleOption = Annotated[
    str, typer.Option("--role", help="reviewer, approver, hr_head or finance_head.")
]
NameOption = Annotated[str, typer.Option("--name", help="The person who will hold the key.")]
NumberOption = Annotated[str, typer.Option("--staff-number", help="The person's number.")]
BureauOption = Annotated[str, typer.Option("--bureau", help="The person's bureau.")]
FromOption = Annotated[
    str | None, typer.Option("--valid-from", help="YYYY-MM-DD (default: today).")
]
ToOption = Annotated[
    str | None, typer.Option("--valid-to", help="YYYY-MM-DD (default: a year on).")
]
HomeIdOption = Annotated[
    str | None, typer.Option("--home-id", help="The home's id, where the home is not at hand.")
]
HR, FINANCE = "HR", "FINANCE"


@app.command()
def init(
    home: AnyHomeOption = DEFAULT_HOME,
    hr_key: HrKeyOption = None,
    finance_key: FinanceKeyOption = None,
    hr_request: Annotated[
        Path | None, typer.Option("--hr-request", help="Request of the HR bureau's head.")
    ] = None,
    finance_request: Annotated[
        Path | None, typer.Option("--finance-request", help="Request of the finance head.")
    ] = None,
    signed: SignedOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a home folder and its ledger, and register the keys of the two heads, together."""
    from flows.inbox.suppliers import write_sample
    from flows.money import acts, heads
    from flows.money.keys import open_key

    place, made = Home(home), dict[str, Any]()
    with hold_home(place, make=True):
        written = [str(path) for path in (*heads.initialise_home(place), *write_sample(place))]
        home_id = heads.list_keys(place)["home_id"]
        if hr_key and finance_key:
            keys = [
                open_key(path, ask_passphrase(False, who))
                for path, who in ((hr_key, HR), (finance_key, FINANCE))
            ]
            act = heads.heads_act(home_id, keys[0].said, keys[1].said)
            made = heads.post_act(place, acts.countersign(act, keys))
        elif hr_request and finance_request:
            said = [acts.read_act(path)["statement"] for path in (hr_request, finance_request)]
            act, default = heads.heads_act(home_id, *said), Path("heads.json")
            made = post_or_write(act, [], out or default, partial(heads.post_act, place))
        elif signed:
            made = heads.post_act(place, acts.read_act(signed, "heads"))
    lines = [f"written: {path}" for path in written] or ["nothing to write: everything is there"]
    lines += [f"home: {home_id}", *_roster_lines(made)]
    if not made:
        lines.append("no key counts until both heads are registered: see docs/commands.md, People")
    show({"home": str(home), "home_id": home_id, "written": written, **made}, as_json, lines)


@key_app.command("new")
def key_new(
    role: RoleOption,
    name: NameOption,
    staff_number: NumberOption,
    bureau: BureauOption,
    valid_from: FromOption = None,
    valid_to: ToOption = None,
    home: AnyHomeOption = DEFAULT_HOME,
    home_id: HomeIdOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="File for the key (default: keys/ in the home).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a signing key (Ed25519) and the request to enrol it; the key stays with its holder."""
    from flows.money.heads import list_keys
    from flows.money.keys import create_key

    place, person = Home(home), _person(role, staff_number, name, bureau, valid_from, valid_to)
    target = out or place.keys / f"{role}-{staff_number}.key"
    known = home_id or list_keys(place)["home_id"]
    made = create_key(person, known, ask_passphrase(True), target)
    lines = [f"key {made['key_id']} for {role}: {made['path']}", f"request: {made['request']}"]
    show(made, as_json, lines)


@key_app.command("request")
def key_request(
    role: RoleOption,
    name: NameOption,
    staff_number: NumberOption,
    bureau: BureauOption,
    public_key: Annotated[Path, typer.Option("--public-key", help="Its key or certificate.")],
    verifier: Annotated[str, typer.Option("--verifier", help="Command that verifies for it.")],
    valid_from: FromOption = None,
    valid_to: ToOption = None,
    home: AnyHomeOption = DEFAULT_HOME,
    home_id: HomeIdOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the request to enrol an outside seal (电子签章), whose key never comes here."""
    from flows.money.acts import write_act
    from flows.money.heads import list_keys
    from flows.money.seals import command_of, seal_request
    from transforms.money.roster import key_id_of

    person = _person(role, staff_number, name, bureau, valid_from, valid_to)
    known = home_id or list_keys(Home(home))["home_id"]
    act = seal_request(person, known, public_key, command_of(verifier))
    path = out or Path("seal.request.json")
    write_act(path, act)
    made = {"key_id": key_id_of(act["statement"]["public_key"]), **person, "request": str(path)}
    show(made, as_json, [f"seal {made['key_id']} for {role}; request: {path}"])


@key_app.command("countersign")
def key_countersign(
    file: ActArgument,
    key: Annotated[Path, typer.Option("--key", help="The head's key file.")],
    as_json: JsonOption = False,
) -> None:
    """Sign a request or act as a head; its file holds the signature afterwards."""
    from flows.money import acts
    from flows.money.keys import open_key
    from flows.money.seals import expect_bound

    act = acts.read_act(file)
    expect_bound(act["statement"])
    lines = list(statement_lines(act["statement"]))
    opened = open_key(key, ask_passphrase(False))
    acts.write_act(file, acts.countersign(act, [opened]))
    content = {"file": str(file), "key_id": opened.key_id, "digest": acts.act_digest(act)}
    show(content, as_json, [*lines, f"signed with {opened.key_id}; digest {content['digest']}"])


@key_app.command("enrol")
def key_enrol(
    request: ActArgument,
    hr_key: HrKeyOption = None,
    finance_key: FinanceKeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Put a key on the roster: its request, countersigned by both heads."""
    from flows.money import acts, heads

    place = Home(home)
    with hold_home(place):
        act = acts.read_act(request)
        if act["statement"]["act"] != "enrol":
            raise UsageError(
                f"{request} is no request: see `wuxing key revoke`, `wuxing home move`"
            )
        heads.expect_enrollable(place, act["statement"])
        made = heads.post_act(place, countersigned(act, _both(hr_key, finance_key)))
    show(made, as_json, _roster_lines(made))


@key_app.command("revoke")
def key_revoke(
    key_id: Annotated[str | None, typer.Argument(metavar="KEY", help="The key's id.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why it signs nothing more.")] = "",
    hr_key: HrKeyOption = None,
    finance_key: FinanceKeyOption = None,
    signed: SignedOption = None,
    out: OutOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Revoke a key, signed by both heads; what it signed before stands."""
    from flows.money import heads

    if (key_id is None) == (signed is None):
        raise UsageError("give the key's id, or --signed with the act that both heads have signed")
    place = Home(home)
    with hold_home(place):
        act = act_given(signed, "revoke", lambda: heads.revoke_act(place, str(key_id), reason))
        keys, path = _both(hr_key, finance_key), out or Path(f"revoke-{key_id}.json")
        made = post_or_write(act, keys, None if signed else path, partial(heads.post_act, place))
    show(made, as_json, _roster_lines(made))


@key_app.command("list")
def key_list(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the roster's keys, and the digest that stands on paper."""
    from flows.money.heads import list_keys

    content = list_keys(Home(home))
    show(content, as_json, _roster_lines(content))


@home_app.command("move")
def home_move(
    hr_key: HrKeyOption = None,
    finance_key: FinanceKeyOption = None,
    signed: SignedOption = None,
    out: OutOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Let a home that was moved or copied here sign and release here; both heads sign it."""
    from flows.money import heads

    place = Home(home)
    with hold_home(place):
        act = act_given(signed, "move", lambda: heads.move_act(place))
        keys, path = _both(hr_key, finance_key), out or Path("move.json")
        made = post_or_write(act, keys, None if signed else path, partial(heads.post_act, place))
    show(made, as_json, _roster_lines(made))


def _person(
    role: str, number: str, name: str, bureau: str, valid_from: str | None, valid_to: str | None
) -> dict[str, str]:
    today = datetime.now().date()
    return {
        "role": role,
        "staff_number": number,
        "name": name,
        "bureau": bureau,
        "valid_from": valid_from or today.isoformat(),
        "valid_to": valid_to or (today + timedelta(days=365)).isoformat(),
    }


def _both(hr_key: Path | None, finance_key: Path | None) -> list[tuple[Path, str]]:
    return [(path, who) for path, who in ((hr_key, HR), (finance_key, FINANCE)) if path]


def _roster_lines(content: Mapping[str, Any]) -> list[str]:
    if "to_be_signed" in content:
        return to_be_signed(content)
    fields = ("key_id", "state", "role", "staff_number", "name", "bureau", "valid_from", "valid_to")
    keys = [headings(*(str(k[field]) for field in fields)) for k in content.get("keys", ())]
    lines = table([headings(*(f"key_{field}" for field in fields)), *keys]) if keys else []
    lines += [said(one) for one in content.get("seals", ())]
    if "roster_digest" in content:
        lines.append(f"roster digest, for paper: {content['roster_digest']}")
    return lines
