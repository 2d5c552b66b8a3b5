"""`make planted`: single causes planted between two nights; is each attributed to what it is?

    python -m tests.audit.planted [N]

A row of an extract, a number of a card or a line of a rule is changed, beside a later day that
changes much else. The rows that the planted cause alone changes must bear its name.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from flows.audit.again import read_night
from flows.audit.diff import mixture_of, steps_between
from flows.audit.recompute import Computed, Mixture, compute
from flows.night.pipeline import NightRequest, run_night
from flows.night.progress import Progress
from flows.store import Home
from sql.texts import policy_cards, policy_path
from tests.rules.mutants import text_mutants
from transforms.audit.changes import KEY, attribute, changed
from transforms.audit.reform import parse_setting, with_setting
from transforms.errors import WuxingError

AS_OF = date(2020, 6, 30)
PLANTED = 100


@dataclass(frozen=True)
class Planted:
    """One cause: what it is, and the night that has it and nothing else new."""

    cause: str
    name: str
    mixture: Mixture


def rows(law: Mixture, folder: Path) -> Iterator[Planted]:
    """Take single rows out of the extracts that rules read."""
    for kind in ("employment", "contributions", "registrations", "payroll", "graduates"):
        (path, *_) = law.tables[kind]
        table = pl.read_parquet(path)
        for place in range(0, table.height, max(1, table.height // 40)):
            target = folder / f"{kind}-{place}.parquet"
            kept = pl.concat([table.head(place), table.slice(place + 1)])
            kept.write_parquet(target)
            tables = {**law.tables, kind: [target, *law.tables[kind][1:]]}
            yield Planted("facts", f"{kind} row {place}", replace(law, tables=tables))


def numbers(law: Mixture, _folder: Path) -> Iterator[Planted]:
    """Set single numbers of the cards to another value from their first day on."""
    for name, card in policy_cards().items():
        for parameter in card.parameters.values():
            value = parameter.values[0]
            if parameter.unit in ("months", "years", "days", "persons"):
                other = str(int(value.value) + 1)
            elif parameter.unit == "yuan":
                other = str(value.value).replace(" ", "").replace("00.00", "01.00")
            else:
                continue
            setting = f"{name}.{parameter.name}={other}@{value.since}"
            try:
                texts = with_setting(law.texts, parse_setting(setting))
            except WuxingError:
                continue
            yield Planted("parameters", setting, replace(law, texts=texts))


def lines(law: Mixture, _folder: Path) -> Iterator[Planted]:
    """Move single comparisons of the policies' rules by one."""
    for name in policy_cards():
        for mutant in text_mutants(policy_path(name)):
            texts = {**law.texts, f"sql/{mutant.path}": mutant.text}
            yield Planted("rules", f"{name}: {mutant.name}", replace(law, texts=texts))


def main(wanted: int) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        law = first_night(place)
        base, right, wrong, idle = compute(law), 0, [], 0
        sources = [iter(source(law, place)) for source in (rows, numbers, lines)]
        while right + len(wrong) < wanted and sources:
            for source in list(sources):
                planted = next(source, None)
                if planted is None:
                    sources.remove(source)
                    continue
                found = attributed(law, base, planted)
                idle += found is None
                right += found is True
                wrong += [planted.name] if found is False else []
    total = right + len(wrong)
    print(f"{right} of {total} planted causes attributed rightly; {idle} changed nothing")
    for name in wrong:
        print(f"  wrong: {name}")
    return 1 if wrong or total < wanted else 0


def first_night(place: Path) -> Mixture:
    from data_samples.town.write import write_sample
    from tests.conftest import make_home

    write_sample(place / "drop", 250, 11, AS_OF)
    home: Home = make_home(place / "home")
    summary = run_night(NightRequest(home, AS_OF, drop=place / "drop"), Progress())
    return mixture_of(read_night(home, summary["run_id"]))


def attributed(law: Mixture, base: Computed, planted: Planted) -> bool | None:
    """Say whether what the cause alone changes bears its name; None if it changes nothing."""
    try:
        alone = compute(planted.mixture)
    except WuxingError:
        return None
    expected = keys_changed(base, alone)
    if not expected.height:
        return None
    later = replace(planted.mixture, as_of=AS_OF + timedelta(days=1))
    steps, states = steps_between(law, later, compute)
    frames = [(one.determinations, one.entitlements) for one in (base, *states)]
    changes = attribute(frames, steps)
    mine = changes.filter(
        (pl.col("cause") == planted.cause) & (pl.col("table") == "determinations")
    )
    return keys_of(mine).equals(keys_changed(states[0], states[-1])) and mine.height > 0


def keys_changed(before: Computed, after: Computed) -> pl.DataFrame:
    return keys_of(changed("determinations", before.determinations, after.determinations))


def keys_of(changes: pl.DataFrame) -> pl.DataFrame:
    return changes.select(KEY).sort(KEY)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else PLANTED))
