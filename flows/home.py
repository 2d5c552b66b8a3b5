"""The paths of a home folder: where everything is kept."""

from dataclasses import dataclass
from pathlib import Path

from transforms.extracts.registers import OBJECTIONS, REGISTERS


@dataclass(frozen=True)
class Home:
    """The paths of one home folder. Making a Home touches nothing."""

    root: Path

    @property
    def snapshots(self) -> Path:
        """Return the folder of snapshots."""
        return self.root / "snapshots"

    @property
    def runs(self) -> Path:
        """Return the folder of runs."""
        return self.root / "runs"

    @property
    def batches(self) -> Path:
        """Return the folder of batches."""
        return self.root / "batches"

    @property
    def inputs(self) -> Path:
        """Return the folder of the texts that runs were made by, each named by its digest."""
        return self.root / "inputs"

    @property
    def keys(self) -> Path:
        """Return the folder where new signing keys are put unless told otherwise."""
        return self.root / "keys"

    @property
    def ledger_path(self) -> Path:
        """Return the ledger's file."""
        return self.root / "ledger.sqlite"

    @property
    def journal_path(self) -> Path:
        """Return the second copy of the ledger's postings, in plain lines."""
        return self.root / "ledger.journal"

    @property
    def funds_path(self) -> Path:
        """Return the funds' configuration."""
        return self.root / "funds.toml"

    @property
    def objections_path(self) -> Path:
        """Return the register of objections."""
        return self.root / OBJECTIONS.file

    @property
    def registers(self) -> list[Path]:
        """Return the registers that are there: every snapshot takes them in beside its drop."""
        return [path for name in REGISTERS if (path := self.root / name).is_file()]

    @property
    def settings_path(self) -> Path:
        """Return the configuration of the night, its alerts and backups."""
        return self.root / "wuxing.toml"

    @property
    def nights_path(self) -> Path:
        """Return the record of nights: when each began, and how it ended."""
        return self.root / "nights.jsonl"

    @property
    def alerts_path(self) -> Path:
        """Return the record of alerts: what there was to tell, and what was sent."""
        return self.root / "alerts.jsonl"

    @property
    def suppliers_path(self) -> Path:
        """Return the configuration of who delivers what to the inbox."""
        return self.root / "suppliers.toml"

    @property
    def deliveries_path(self) -> Path:
        """Return the register of what was taken from the inbox, and of what was refused."""
        return self.root / "deliveries.jsonl"

    @property
    def cache(self) -> Path:
        """Return the folder of big files as they were read before: it saves time, nothing else."""
        return self.root / "cache"

    @property
    def temporary(self) -> Path:
        """Return the folder for what need not outlive a command."""
        return self.root / "tmp"
