"""The night on one page of Markdown: state, gates, money by fund, deliveries, what to do."""

from collections.abc import Iterator, Mapping
from typing import Any

from expectations.suites import load_suite
from flows.night.alerts import TOLD_AS, WHAT_TO_DO
from flows.store import Home, read_manifest
from transforms.answers.deliveries import WORDS
from transforms.answers.messages import in_chinese
from transforms.answers.page import render_page
from transforms.extracts.kinds import names_of_kinds
from transforms.masking import without_person_ids
from transforms.words import word

STATES = {
    "done": "night_done",
    "warned": "night_warned",
    "stopped": "night_stopped",
    "failed": "night_failed",
    "killed": "night_killed",
}


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
        state=STATES[night["state"]],
        next_steps=list(_next_steps(night["state"], told)),
        gates=list(_gates(manifest)),
        batches=[
            one | {"waits_for": in_chinese(one["mark"]) or "、".join(map(word, one["missing"]))}
            for one in [*told["signature"], *told["budget"]]
        ],
        deliveries=[
            one | {"kind": names.get(one["kind"], one["kind"]), "state": WORDS[one["state"]]}
            for one in night["deliveries"]
        ],
    )
    return without_person_ids(page)


def _next_steps(state: str, told: Mapping[str, Any]) -> Iterator[str]:
    if state in TOLD_AS:
        yield WHAT_TO_DO[TOLD_AS[state][0]]
    waiting = {"late": told["late"], "budget": told["budget"], "waiting": told["signature"]}
    yield from (WHAT_TO_DO[event] for event, found in waiting.items() if found)


def _gates(manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for boundary, checks in manifest.get("gates", {}).items():
        suite = load_suite(boundary)
        titles = {check.check: check.title for check in suite.thresholds}
        failing = [titles.get(name, name) for name, status in checks.items() if status != "passed"]
        yield {"title": suite.title, "checks": len(checks), "failing": failing}
