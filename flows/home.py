"""The paths of a home folder: where everything is kept."""

from dataclasses import dataclass
from pathlib import Path

from transforms.extracts.registers import OBJECTIONS, REGISTERS


class Place:
    """A path below the root of a home, by its name there."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, home: "Home", _kind: type) -> Path:
        return home.root / self.name


@dataclass(frozen=True)
class Home:
    """The paths of one home folder. Making a Home touches nothing."""

    root: Path

    snapshots = Place("snapshots")
    runs = Place("runs")
    batches = Place("batches")
    # The texts that runs were made by, each named by its digest.
    inputs = Place("inputs")
    # Where new signing keys are put unless told otherwise.
    keys = Place("keys")
    ledger_path = Place("ledger.sqlite")
    # The second copy of the ledger's postings, in plain lines.
    journal_path = Place("ledger.journal")
    # The funds' configuration.
    funds_path = Place("funds.toml")
    # The register of objections.
    objections_path = Place(OBJECTIONS.file)
    # The configuration of the night, its alerts and backups.
    settings_path = Place("wuxing.toml")
    # The record of nights: when each began, and how it ended.
    nights_path = Place("nights.jsonl")
    # The record of alerts: what there was to tell, and what was sent.
    alerts_path = Place("alerts.jsonl")
    # The configuration of who delivers what to the inbox.
    suppliers_path = Place("suppliers.toml")
    # The register of what was taken from the inbox, and of what was refused.
    deliveries_path = Place("deliveries.jsonl")
    # Big files as they were read before: it saves time, nothing else.
    cache = Place("cache")
    # What need not outlive a command.
    temporary = Place("tmp")

    @property
    def registers(self) -> list[Path]:
        """Return the registers that are there: every snapshot takes them in beside its drop."""
        return [path for name in REGISTERS if (path := self.root / name).is_file()]
