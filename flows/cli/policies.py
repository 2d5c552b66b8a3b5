"""Commands that answer questions: policies, explain, expectations."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.console import DEFAULT_HOME, HomeOption, JsonOption, app, show
from flows.language import language, policy_titles
from flows.store import Home
from transforms.errors import UsageError

RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="Run id, its beginning, or `latest`.")
]


@app.command()
def policies(
    policy: Annotated[str | None, typer.Argument(help="One policy; all without it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the policies: citation, when in force, provisions, dated parameters with source."""
    from flows.answers.explain import describe_policies

    content, lines = describe_policies(policy)
    show(content, as_json, lines)


@app.command()
def explain(
    run: RunArgument,
    policy: Annotated[
        str | None, typer.Option("--policy", help="Policy, as `policies` names it.")
    ] = None,
    beneficiary: Annotated[
        str | None, typer.Option("--beneficiary", help="Who is or would be paid.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", help="Whom the fact is about.")
    ] = None,
    period: Annotated[str | None, typer.Option("--period", help="2020 or 2020-03.")] = None,
    person: Annotated[
        str | None, typer.Option("--person", metavar="ID", help="All policies of a person.")
    ] = None,
    employer: Annotated[
        str | None, typer.Option("--employer", metavar="CODE", help="All policies of an employer.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Also write a page here.")
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="RUN", help="Also what changed since it.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Say why: each provision, its value, its clause, the facts, the source rows as file:line."""
    from flows.answers.explain import explain_line, explain_party

    asked: Callable[[str], dict[str, Any]]
    if policy and beneficiary and not (person or employer):
        asked = partial(explain_line, Home(home), policy, beneficiary, subject, period)
    elif bool(person) != bool(employer) and not (policy or beneficiary or subject or period):
        party = ("person", person) if person else ("employer", str(employer))
        asked = partial(explain_party, Home(home), *party)
    else:
        raise UsageError(
            "say --policy and --beneficiary; or --person, or --employer, alone: it answers for "
            "all policies"
        )
    _explain(Home(home), asked, run, against, page, as_json)


def _explain(
    home: Home,
    asked: Callable[[str], dict[str, Any]],
    run: str,
    against: str | None,
    page: Path | None,
    as_json: bool,
) -> None:
    from flows.answers.delivered import raw_cells
    from flows.answers.explain import changes_since
    from flows.answers.nights import find_run
    from transforms.answers.dossier import dossier_lines, dossier_page

    told = asked(find_run(home, run))
    if against:
        other = asked(find_run(home, against))
        told["against"] = {name: other[name] for name in ("run_id", "as_of")}
        told["changes"] = changes_since(home, other, told)
    titles = policy_titles()
    if page:
        page.write_text(dossier_page(told, raw_cells(home, told), titles), encoding="utf-8")
    show(told, as_json, dossier_lines(told, language(), titles))


@app.command("sample-audit")
def sample_audit(
    run: RunArgument,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder for the sample.")],
    count: Annotated[int, typer.Option("--n", min=1, help="How many determinations.")] = 60,
    seed: Annotated[str, typer.Option("--seed", help="Any words; the same draw the same.")] = "1",
    by: Annotated[
        str, typer.Option("--by", help="Strata: policy, outcome, amount, period.")
    ] = "policy,outcome,amount",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Draw determinations for an audit: a page for each and a workbook for findings."""
    from flows.answers.nights import find_run
    from flows.answers.sample_audit import sample_audit as draw_sample
    from flows.answers.sample_audit import sample_lines

    place = Home(home)
    told = draw_sample(place, find_run(place, run), folder, count, seed, by.split(","))
    show(told, as_json, sample_lines(told))


@app.command()
def expectations(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the suites are written.")],
    as_json: JsonOption = False,
) -> None:
    """Write what each kind of extract must be like, for suppliers who use Great Expectations."""
    from flows.answers.supplier_suites import write_suites

    written = [str(path) for path in write_suites(folder)]
    show({"paths": written}, as_json, written)


@app.command()
def template(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the workbooks go.")],
    as_json: JsonOption = False,
) -> None:
    """Write a workbook for each kind of extract, to be filled in by who has no export."""
    from flows.answers.supplier_suites import write_templates

    written = [str(path) for path in write_templates(folder)]
    show({"paths": written}, as_json, written)
