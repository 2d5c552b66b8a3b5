"""Four sample people, their keys, and the ceremony that lets them sign in a home.

The keys are made once per process, cheaply: what a passphrase costs to try is tested on its own.
"""

from functools import cache
from pathlib import Path

from flows.money import acts, heads, keys
from flows.money.keys import SigningKey, create_key, open_key
from flows.money.ledger_store import open_ledger
from flows.store import Home
from sql import policy_cards

PASSPHRASE = "a test's own words"
BUREAUS = {
    "hr_head": "人社局",
    "finance_head": "财政局",
    "reviewer": "人社局",
    "approver": "财政局",
}
NAMES = {"hr_head": "赵一鸣", "finance_head": "钱二宝", "reviewer": "孙三立", "approver": "李四光"}
PLACE = "the only place of the tests"


def one_place() -> None:
    """Let every home of the tests lie at one place: they are copied to and fro."""
    from flows.money import whole

    whole.place_of = heads.place_of = lambda _home: PLACE


def person(role: str, **other: str) -> dict[str, str]:
    return {
        "role": role,
        "staff_number": f"S{list(NAMES).index(role) + 1 if role in NAMES else 9:03d}",
        "name": NAMES.get(role, "周九"),
        "bureau": BUREAUS.get(role, "人社局"),
        "valid_from": "2020-01-01",
        "valid_to": "2099-12-31",
        **other,
    }


def new_key(home: Home, path: Path, role: str, **other: str) -> SigningKey:
    """Make a key file for a person, with its request beside it."""
    cost, keys.SCRYPT_COST = keys.SCRYPT_COST, 2
    try:
        create_key(person(role, **other), home_id(home), PASSPHRASE, path)
    finally:
        keys.SCRYPT_COST = cost
    return open_key(path, PASSPHRASE)


def home_id(home: Home) -> str:
    with open_ledger(home) as ledger:
        return ledger.books().home_id


def found(home: Home) -> dict[str, SigningKey]:
    """Make a home's ledger and register its two heads; its funds pay without a public notice."""
    heads.initialise_home(home)
    without_notice(home)
    pair = [new_key(home, home.root / f"{role}.key", role) for role in ("hr_head", "finance_head")]
    act = heads.heads_act(home_id(home), pair[0].said, pair[1].said)
    heads.post_act(home, acts.countersign(act, pair))
    return {key.said["role"]: key for key in pair}


def without_notice(home: Home) -> None:
    """Let every policy be paid without a notice: what the notice asks is tested on its own."""
    text = home.funds_path.read_text(encoding="utf-8")
    for fund in {card.fund for card in policy_cards().values() if card.fund}:
        paid = [
            f'{card.policy_id} = "test"' for card in policy_cards().values() if card.fund == fund
        ]
        text = text.replace(
            f'["{fund}"]\n', f'["{fund}"]\nnotice_not_needed = {{ {", ".join(paid)} }}\n'
        )
    home.funds_path.write_text(text, encoding="utf-8")


def enrol(home: Home, key: SigningKey) -> None:
    """Enrol a key with both heads' signatures."""
    act = acts.read_act(key.path.with_name(f"{key.path.name}.request.json"))
    heads.post_act(home, acts.countersign(act, [key_of(home, r) for r in list(NAMES)[:2]]))


def revoke(home: Home, key: SigningKey) -> None:
    """Revoke a key with both heads' signatures."""
    act = heads.revoke_act(home, key.key_id, "test")
    heads.post_act(home, acts.countersign(act, [key_of(home, r) for r in list(NAMES)[:2]]))


def hold_ceremony(home: Home) -> None:
    """Found a home and enrol its reviewer and approver, with key files in the home's folder."""
    found(home)
    for role in ("reviewer", "approver"):
        enrol(home, new_key(home, home.root / f"{role}.key", role))


def key_of(home: Home, name: str) -> SigningKey:
    """Open the key file of that name in a home's folder."""
    return _opened(home.root / f"{name}.key", (home.root / f"{name}.key").read_text("utf-8"))


@cache
def _opened(path: Path, _content: str) -> SigningKey:
    return open_key(path, PASSPHRASE)
