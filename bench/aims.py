"""What is aimed at, beside what was found: a table at the end of `make bench`, never an assertion.

Ratios and growth stand in wall seconds and in processor seconds. On a machine with other work only
the latter are quiet; what is done by one thread while the other waits shows in the former alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PEAK_GIB, GROWTH, RULES, RUN, CSV, CLUSTER = 4.0, 1.05, 1.5, 2.0, 2.0, 1.15
# The size that growth per person is told from, if it was measured.
GROWTH_FROM = 1_000_000
STRETCHES = {"ingest": "ingest", "determining": "rules", "all": "run"}


@dataclass(frozen=True)
class Found:
    """One aim and what was found: by wall and by processor seconds, or one figure for both."""

    aim: str
    limit: float
    wall: float
    cpu: float | None = None

    def line(self) -> str:
        figures = [("", self.wall)] if self.cpu is None else [("wall ", self.wall)]
        figures += [] if self.cpu is None else [("processor ", self.cpu)]
        told = (f"{name}{figure:6.2f} {self._verdict(figure):<7}" for name, figure in figures)
        return f"  {self.aim:<58} <= {self.limit:4.2f}   " + "   ".join(told).rstrip()

    def _verdict(self, figure: float) -> str:
        return "met" if figure <= self.limit else "not met"


def grown(sizes: Sequence[Mapping[str, Any]]) -> Iterator[Found]:
    """Tell growth per person from a million, or the smallest size, to each larger one."""
    first = next((one for one in sizes if one["persons"] == GROWTH_FROM), sizes[0])
    for size in sizes:
        factor = size["persons"] / first["persons"]
        if factor <= 1:
            continue
        between = f"{first['persons']:,} to {size['persons']:,}"
        for name, title in STRETCHES.items():
            wall, cpu = (size[n] / first[n] / factor for n in (name, f"{name}_cpu"))
            yield Found(f"growth per person, {title}, {between}", GROWTH, wall, cpu)


def sized(size: Mapping[str, Any]) -> Iterator[Found]:
    """Tell what is aimed at for every size: peaks, and ratios to the bare scan."""
    persons = f"{size['persons']:,}"
    for phase, peak_mib in size["peaks"].items():
        yield Found(f"peak of {phase}, GiB, {persons}", PEAK_GIB, peak_mib / 1024)
    for name, title, limit in (("determining", "rules", RULES), ("all", "run", RUN)):
        wall, cpu = (size[f"{name}_ratio{ending}"] for ending in ("", "_cpu"))
        yield Found(f"{title}, × the bare scan, {persons}", limit, wall, cpu)


def clustered(forms: Sequence[Mapping[str, Any]]) -> Iterator[Found]:
    """Tell two Dask workers of one thread beside this process with two, in parts and whole."""
    by_form = {form["form"]: form for form in forms}
    if "dask" not in by_form:
        return
    for form, title in (("16", "local in the same parts"), ("whole", "local whole")):
        wall = by_form["dask"]["seconds"] / by_form[form]["seconds"]
        cpu = all_cpu(by_form["dask"]) / all_cpu(by_form[form])
        yield Found(f"two Dask workers, × {title}", CLUSTER, wall, cpu)


def all_cpu(form: Mapping[str, Any]) -> float:
    return float(form["cpu"] + form["cpu_of_workers"])


def tell(found: Sequence[Found], same: Mapping[str, bool]) -> None:
    """Print the table; `same`: what had to be the same, and whether it was."""
    print("\n== aims")
    for one in found:
        print(one.line())
    for what, is_so in same.items():
        print(f"  {what:<58} the same   {'met' if is_so else 'not met'}", flush=True)
