"""`make run`: the whole job on a sample town, from nothing to payment files, in plain commands."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from flows.money.funds import with_sample_payers
from transforms.amounts import yuan_text

AS_OF, PUT_UP = "2020-03-31", "2020-04-01"
SAMPLE_PASSPHRASE = "sample town only"
SAMPLE_BUDGET_YUAN = 5_000_000
# Four people: role, staff number, name, bureau.
PEOPLE = (
    ("hr_head", "HR001", "样例甲", "人社局"),
    ("finance_head", "CZ001", "样例乙", "财政局"),
    ("reviewer", "HR002", "样例丙", "人社局"),
    ("approver", "CZ002", "样例丁", "财政局"),
)


def main() -> None:
    """Write the sample, hold the ceremony, run the night, announce, sign, release."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "out").resolve()
    # A demonstration starts from nothing; the marker keeps it from ever removing another folder.
    marker = root / ".wuxing-demonstration"
    if root.exists() and not marker.exists():
        sys.exit(f"{root} exists and is no demonstration folder: move it away or name another")
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    marker.touch()
    drop, home = root / "drop", root / "home"
    os.environ.setdefault("PREFECT_HOME", str(root / "prefect"))
    os.environ["WUXING_PASSPHRASE"] = SAMPLE_PASSPHRASE
    os.environ["WUXING_HOME"] = str(home)
    _wuxing("sample", str(drop), "--persons", "600", "--employers", "40", "--seed", "20200326")
    _wuxing("init")
    _fill_sample_funds(home / "funds.toml", root / "other-bureau")
    keys = _hold_ceremony(root)
    summary = json.loads(_wuxing("nightly", str(drop), "--as-of", AS_OF, "--json", quiet=True))
    released = []
    for batch in summary["batches"]:
        _wuxing("notice", batch, "--put-up", PUT_UP)
        _sign_elsewhere(batch, keys["reviewer"], root)
        _wuxing("sign", batch, "--role", "approver", "--key", str(keys["approver"]))
        released.append(json.loads(_wuxing("release", batch, "--json", quiet=True)))
    _tell(summary, released, home)


def _hold_ceremony(root: Path) -> dict[str, Path]:
    """Make four people's keys; the two heads name themselves, then enrol the other two."""
    keys = {role: root / f"{role}.key" for role, *_ in PEOPLE}
    for role, number, name, bureau in PEOPLE:
        person = ("--role", role, "--staff-number", number, "--name", name, "--bureau", bureau)
        _wuxing("key", "new", *person, "--out", str(keys[role]))
    both = ("--hr-key", str(keys["hr_head"]), "--finance-key", str(keys["finance_head"]))
    _wuxing("init", *both)
    for role in ("reviewer", "approver"):
        _wuxing("key", "enrol", f"{keys[role]}.request.json", *both)
    return keys


def _sign_elsewhere(batch: str, key: Path, root: Path) -> None:
    """Sign an exported batch as on the reviewer's own machine, and take the signature back."""
    exported, signature = root / f"{batch}.zip", root / f"{batch}.signature.json"
    _wuxing("batch", "export", batch, "--out", str(exported))
    control = json.loads(_wuxing("batch", "show", batch, "--json", quiet=True))["control"]
    amount = yuan_text(control["amount_fen"])
    typed = ("--count", str(control["instruction_count"]), "--amount", amount)
    out = ("--out", str(signature))
    _wuxing("sign", str(exported), "--role", "reviewer", "--key", str(key), *typed, *out)
    _wuxing("batch", "accept", str(signature))


def _fill_sample_funds(path: Path, anchor: Path) -> None:
    """Fill in a budget and a payer, and let a folder of the other bureau witness the ledger."""
    anchor.mkdir()
    text = path.read_text(encoding="utf-8")
    text = with_sample_payers(text.replace("2020 = 0", f"2020 = {SAMPLE_BUDGET_YUAN}"))
    path.write_text(text.replace("folders = []", f'folders = ["{anchor}"]'), encoding="utf-8")


def _wuxing(*words: str, quiet: bool = False) -> str:
    """Run one command as a user would; its stdout is returned, and shown unless quiet."""
    print(f"$ wuxing {' '.join(words)}", flush=True)
    command = [sys.executable, "-m", "flows", *words]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if not quiet or finished.returncode:
        print(finished.stdout, end="", flush=True)
    if finished.returncode:
        sys.exit(finished.returncode)
    return finished.stdout


def _tell(summary: dict[str, object], released: list[dict[str, object]], home: Path) -> None:
    run_folder = home / "runs" / str(summary["run_id"])
    print("\nThe night is done. What to look at:")
    print(f"  what ran, what did not and why   {run_folder / 'report.html'}")
    for batch in released:
        folder = home / "batches" / str(batch["batch_id"])
        print(f"  review pack ({batch['fund']})   {folder / 'review.xlsx'}")
        for path in batch["files"]:  # type: ignore[attr-defined]
            print(f"  payment file                     {path}")
    print(
        f"  ask why, for example             .venv/bin/wuxing explain {summary['run_id']} --home "
        f"{home} --policy stability_refund --beneficiary <统一社会信用代码>"
    )


if __name__ == "__main__":
    main()
