"""The night on one page of Markdown: state, gates, money by fund, deliveries, what to do."""

from collections.abc import Iterator, Mapping
from typing import Any

from expectations.suites import load_suite
from flows.night.alerts import TOLD_AS
from flows.store import Home, read_manifest
from transforms.answers.messages import in_chinese
from transforms.answers.page import render_page
from transforms.extracts.kinds import names_of_kinds
from transforms.masking import without_person_ids
from transforms.words import word


def night_page(home: Home, told: Mapping[str, Any]) -> str:
    """Write the newest night that ended, in Chinese.

    Holds:   counts, sums and codes; what looks like a citizen id is not on it
    """
    night, names = told["last"], names_of_kinds()
    manifest = read_manifest(home.runs / night["run_id"], "run") if night["run_id"] else {}
    page = render_page(
        "night.md.j2",
        night=night,
        message=in_chinese(night["message"]),
        state=f"night_{night['state']}",
        next_steps=list(_next_steps(night["state"], told)),
        gates=list(_gates(manifest)),
        batches=[
            one | {"waits_for": in_chinese(one["mark"]) or "、".join(map(word, one["missing"]))}
            for one in [*told["signature"], *told["budget"]]
        ],
        deliveries=[
            one | {"kind": names.get(one["kind"], one["kind"]), "state": f"delivery_{one['state']}"}
            for one in night["deliveries"]
        ],
    )
    return without_person_ids(page)


def _next_steps(state: str, told: Mapping[str, Any]) -> Iterator[str]:
    if state in TOLD_AS:
        yield f"alert_{TOLD_AS[state]}_do"
    waiting = {"late": told["late"], "budget": told["budget"], "waiting": told["signature"]}
    yield from (f"alert_{event}_do" for event, found in waiting.items() if found)


def _gates(manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for boundary, checks in manifest.get("gates", {}).items():
        suite = load_suite(boundary)
        titles = {check.check: check.title for check in suite.thresholds}
        failing = [titles.get(name, name) for name, status in checks.items() if status != "passed"]
        yield {"title": suite.title, "checks": len(checks), "failing": failing}
