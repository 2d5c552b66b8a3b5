"""Which run is meant: by its id, the beginning of it, or as the latest."""

from flows.money.ledger_store import open_ledger
from flows.store import Home
from transforms.errors import UsageError


def find_run(home: Home, given: str) -> str:
    """Return the run that an id, the beginning of one, or `latest` means.

    Raises:  UsageError if it means none or several
    """
    names = sorted(path.name for path in home.runs.glob("R*")) if home.runs.is_dir() else []
    if given == "latest":
        with open_ledger(home, only_look=True) as ledger:
            newest = ledger.books().newest_run
        names, given = ([newest] if newest else []), newest
    found = [name for name in names if name.startswith(given)]
    if len(found) != 1:
        meant = ", ".join(found) if found else "none"
        raise UsageError(f"{given!r} means {meant}; `wuxing runs` lists the runs")
    return found[0]
