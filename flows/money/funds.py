"""funds.toml: which account pays, in which bank's format, and how much there is a year."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from flows.store import Home, replace_file
from sql import policy_cards
from transforms.digest import content_digest
from transforms.errors import DropRefusedError
from transforms.payments.profile import (
    DEFAULT_PROFILE,
    SHIPPED_NAMES,
    Profile,
    default_profile,
    parse_profile,
    shipped_profile,
    writable,
)
from transforms.strict_yaml import in_backticks, odd_keys

FUND_KEYS = ("bank_profile", "payer_name", "payer_account", "bank_code", "budget_yuan")
OPTIONAL_KEYS = ("bank_name", "notice_not_needed")
PAYER = ("payer_name", "payer_account", "bank_code", "bank_name")
PROFILE_FOLDER = "bank_profiles"
# How `wuxing init` marks the names that are to be replaced.
PLACEHOLDER = "请改为"
# The table of funds.toml that is no fund: folders on other disks that witness the ledger.
ANCHORS = "anchors"
INITIAL_FUNDS = Path(__file__).with_name("initial_funds.toml")
INITIAL_SETTINGS = Path(__file__).parent.parent / "night" / "initial_wuxing.toml"


@dataclass(frozen=True)
class Fund:
    """One fund: who pays from which account, in which format, and its budget by year, in fen.

    `payer`: PAYER; `notice_not_needed`: policies paid without a public notice, each with the
    authority for it.
    """

    name: str
    profile: Profile
    payer: Mapping[str, str]
    budget_fen: Mapping[int, int]
    notice_not_needed: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """Return the fund in plain values, for digests and manifests."""
        without = self.notice_not_needed
        return {
            **({"notice_not_needed": dict(without)} if without else {}),
            **self.payer,
            "profile": {
                name: said
                for name, said in self.profile.content.items()
                if name not in ("statement", "returns")
            },
        }

    def warnings(self, year: int) -> list[str]:
        """Say what of the fund was not filled in yet, and that nothing can be paid in a year."""
        said = payer_warnings(self.name, self.content())
        if not self.budget_fen.get(year):
            said.append(f"{self.name}: no budget of {year} in funds.toml: nothing can be released")
        if "date" not in {field.word for field in self.profile.answer.fields}:
            said.append(
                f"{self.name}: the bank profile's answer has no date: what came back and arrived "
                "after all can't be taken; add date where the bank's file has it"
            )
        return said


def payer_warnings(fund: str, names: Mapping[str, Any]) -> list[str]:
    """Say what of a fund's payer still stands as `wuxing init` wrote it, with 请改为 or without."""
    shipped = read_toml(INITIAL_FUNDS).get(fund, {})
    values = {key: str(names.get(key, "")) for key in ("payer_name", "payer_account", "bank_name")}
    left = [
        key
        for key, value in values.items()
        if PLACEHOLDER in value
        or (value and value == str(shipped.get(key, "")).removeprefix(PLACEHOLDER))
        or (key == "payer_account" and value and len(value.lstrip("0")) <= 1)
    ]
    said = f"{fund}: {', '.join(left)} in funds.toml is still the placeholder; no bank will pay"
    return [said] if left else []


@dataclass(frozen=True)
class Funds:
    """All configured funds by name; empty without a funds.toml."""

    by_name: Mapping[str, Fund] = field(default_factory=dict)

    def profile_of(self, fund: str) -> Profile:
        """Return a fund's bank profile; the default one for a fund that is not configured."""
        return self.by_name[fund].profile if fund in self.by_name else default_profile()

    def budget_fen(self, fund: str, year: int) -> int | None:
        """Return a fund's budget of a year; None if none is configured."""
        return self.by_name[fund].budget_fen.get(year) if fund in self.by_name else None

    @property
    def digest(self) -> str:
        """Return the digest of all that a run takes from the configuration."""
        return content_digest(
            {
                name: fund.content()
                | {"budget_fen": {str(y): b for y, b in fund.budget_fen.items()}}
                for name, fund in sorted(self.by_name.items())
            }
        )


def read_funds(home: Home) -> Funds:
    """Read funds.toml; none: no fund is configured.

    Raises:  DropRefusedError saying where, what was expected and what was found
    """
    content = read_toml(home.funds_path)
    return Funds(
        {name: _fund(home, name, entry) for name, entry in content.items() if name != ANCHORS}
    )


def read_anchors(home: Home) -> list[Path]:
    """Read from funds.toml in which folders the ledger's head is kept beside this home.

    Raises:  DropRefusedError saying where, what was expected and what was found
    """
    entry = read_toml(home.funds_path).get(ANCHORS, {"folders": []})
    folders = entry.get("folders") if isinstance(entry, dict) and len(entry) == 1 else None
    if not isinstance(folders, list) or not all(isinstance(f, str) and f for f in folders):
        raise DropRefusedError(
            f"{home.funds_path}, {ANCHORS}: expected folders, a list of paths in quotes"
        )
    return [home.root / folder for folder in folders]


def read_toml(path: Path) -> dict[str, Any]:
    """Read a file of the configuration; one that is not there says nothing.

    Raises:  DropRefusedError if it is no TOML, or something stands there that can't be read
    """
    if not os.path.lexists(path):
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as broken:
        raise DropRefusedError(f"{path} is no TOML: {broken}; correct it") from broken
    except OSError as denied:
        raise DropRefusedError(f"{path}: can't be read: {denied.strerror}; correct it") from denied


def _fund(home: Home, name: str, entry: Any) -> Fund:
    where = f"{home.funds_path}, fund {name}"
    known = sorted({card.fund for card in policy_cards().values() if card.fund})
    if name not in known:
        raise DropRefusedError(f"{where}: there is no such fund; expected {', '.join(known)}")
    if not isinstance(entry, dict):
        raise DropRefusedError(f"{where}: expected a table of {in_backticks(FUND_KEYS)}")
    odd = odd_keys(entry, FUND_KEYS, OPTIONAL_KEYS)
    if odd:
        raise DropRefusedError(f"{where}: {odd}; correct it")
    for key in ("bank_profile", "payer_name", "payer_account", "bank_code"):
        if not isinstance(entry[key], str):
            raise DropRefusedError(f"{where}: {key} must be text in quotes")
    payer_name = entry["payer_name"].strip()
    if not payer_name or not entry["payer_account"].isdecimal():
        raise DropRefusedError(
            f"{where}: payer_name must be filled, payer_account must be digits in quotes"
        )
    code = entry["bank_code"]
    if code and not (code.isdecimal() and len(code) == 12):
        raise DropRefusedError(f"{where}: bank_code must be the 12 digits of the bank, in quotes")
    if not code and not entry.get("bank_name"):
        raise DropRefusedError(f"{where}: give the payer's bank_code, or bank_name without one")
    profile = _profile(home, entry["bank_profile"], where)
    names = pl.Series([entry["payer_name"], entry.get("bank_name", "")])
    if not writable(names, "holder", profile).all():
        raise DropRefusedError(f"{where}: the bank profile can't hold payer_name or bank_name")
    return Fund(
        name=name,
        profile=profile,
        payer={key: entry.get(key, "") for key in PAYER} | {"payer_name": payer_name},
        budget_fen=_budgets(entry["budget_yuan"], where),
        notice_not_needed=_without_notice(entry.get("notice_not_needed", {}), name, where),
    )


def _without_notice(entry: Any, fund: str, where: str) -> dict[str, str]:
    paid = [card.policy_id for card in policy_cards().values() if card.fund == fund]
    if not isinstance(entry, dict) or not all(
        policy in paid and isinstance(said, str) and said.strip() for policy, said in entry.items()
    ):
        raise DropRefusedError(
            f"{where}: notice_not_needed takes policies of this fund ({', '.join(paid)}), each "
            "with the authority for it in quotes"
        )
    return {policy: said.strip() for policy, said in sorted(entry.items())}


def _profile(home: Home, name: str, where: str) -> Profile:
    path = home.root / PROFILE_FOLDER / f"{name}.toml"
    if path.is_file() and Path(name).name == name:
        return parse_profile(path.read_text(encoding="utf-8-sig"), str(path))
    if name in SHIPPED_NAMES:
        return shipped_profile(name)
    raise DropRefusedError(f"{where}: there is no bank profile {path}; put it there or use default")


def _budgets(entry: Any, where: str) -> dict[int, int]:
    if not isinstance(entry, dict):
        raise DropRefusedError(f"{where}: budget_yuan must be a table by year: {{ 2020 = 0 }}")
    budgets = {}
    for year, yuan in entry.items():
        is_number = isinstance(yuan, int | Decimal) and not isinstance(yuan, bool)
        is_year = len(year) == 4 and year.isdecimal()
        fen = Decimal(yuan) * 100 if is_number else Decimal("nan")
        if not (is_year and fen.is_finite() and fen >= 0 and fen % 1 == 0):
            raise DropRefusedError(
                f"{where}: budget_yuan of {year}: expected yuan, 0 or more, at most two decimals"
            )
        budgets[int(year)] = int(fen)
    return budgets


def write_initial_files(home: Home) -> list[Path]:
    """Write commented funds.toml, wuxing.toml and default bank profile where they are not yet.

    Holds:   a file that is there is left as it is; returns the files written
    """
    contents = {
        home.funds_path: INITIAL_FUNDS.read_bytes(),
        home.settings_path: INITIAL_SETTINGS.read_bytes(),
        home.root / PROFILE_FOLDER / "default.toml": DEFAULT_PROFILE.read_bytes(),
    }
    written = [path for path in contents if not path.exists()]
    for path in written:
        replace_file(path, contents[path])
    return written


def with_sample_payers(text: str) -> str:
    """Fill the payers of a shipped funds.toml in with such as nobody has, for a town made up.

    >>> with_sample_payers('payer_name = "请改为户名"\\npayer_account = "0000000000000001"\\n')
    'payer_name = "样例户名"\\npayer_account = "9000000000000001"\\n'
    """
    for shipped in read_toml(INITIAL_FUNDS).values():
        number = shipped.get("payer_account", "")
        text = text.replace(number, f"9{number[1:]}") if number else text
    return text.replace(PLACEHOLDER, "样例")


def without_anchors(text: str) -> str:
    """Return the text of a funds.toml without its folders of witnesses.

    >>> without_anchors('[anchors]\\nfolders = ["/x"]\\n\\n[就业补助资金]\\npayer_name = "a"\\n')
    '[就业补助资金]\\npayer_name = "a"\\n'
    """
    kept, is_anchors = [], False
    for line in text.splitlines(keepends=True):
        if line.startswith("["):
            is_anchors = line.strip() == f"[{ANCHORS}]"
        if not is_anchors:
            kept.append(line)
    return "".join(kept)
