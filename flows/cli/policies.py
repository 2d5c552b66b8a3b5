"""Commands that answer questions: policies, explain, expectations."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.console import DEFAULT_HOME, HomeOption, JsonOption, app, show
from flows.store import Home


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
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run id, as `run` printed it.")],
    policy: Annotated[str, typer.Option("--policy", help="Policy, as `policies` names it.")],
    beneficiary: Annotated[str, typer.Option("--beneficiary", help="Who is or would be paid.")],
    subject: Annotated[
        str | None, typer.Option("--subject", help="Whom the fact is about.")
    ] = None,
    period: Annotated[str | None, typer.Option("--period", help="2020 or 2020-03.")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Say why: each provision, its value, its clause, the facts, the source rows as file:line."""
    from flows.answers.explain import explain_lines

    content, lines = explain_lines(Home(home), run, policy, beneficiary, subject, period)
    show(content, as_json, lines)


@app.command()
def expectations(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the suites are written.")],
    as_json: JsonOption = False,
) -> None:
    """Write what each kind of extract must be like, for suppliers who use Great Expectations."""
    from flows.answers.supplier_suites import write_suites

    written = [str(path) for path in write_suites(folder)]
    show({"paths": written}, as_json, written)
