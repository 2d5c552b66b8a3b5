"""What Prefect does by itself: a killed run is marked Crashed, and somebody is told."""

# ruff: noqa: I001 - the room of the night sets Prefect up before it is imported
from pathlib import Path
from typing import Any

from transforms.strict_yaml import read_yaml

from flows.language import said
from flows.night.alerts import Alert, tell
from flows.night.diary import district_now, is_known
from flows.night.in_prefect import at_server
from flows.night.nightly import home_of

from prefect import flow, get_run_logger
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound

from transforms.errors import UsageError
from transforms.words import Said

FILE = Path(__file__).with_name("automations.yaml")
# What Prefect says of a run that our own record does not know of: the event that is told, a word.
SAID = {
    "Failed": ("failed", "失败"),
    "Crashed": ("failed", "崩溃"),
    "Late": ("missed", "迟迟没有开始"),
}


@flow(name="wuxing-tell", persist_result=False)
def tell_flow(
    state: str = "", flow_run_id: str = "", flow_run_name: str = "", home: str | None = None
) -> dict[str, int]:
    """Tell what there is to tell of a home, as `wuxing status --alert` does.

    Args:
        state: The state of the flow run that this is about.
        flow_run_id: Its id; what the home's own record tells of it is not told twice.
        flow_run_name: Its name, as it is told.
        home: The home folder; without it WUXING_HOME of the worker, else ./home.
    """
    place = home_of(home)
    more = []
    if state in SAID and not is_known(place, flow_run_id):
        event, word = SAID[state]
        words = Said("alert_flow_run", {"state": word, "name": flow_run_name})
        more = [Alert(event, f"flow_run:{flow_run_id}:{state}", words)]
    told = tell(place, district_now(), more=more)
    counts = f"{told['raised']} raised, {told['sent']} sent, {told['unsent']} unsent"
    get_run_logger().info(said(f"alerts: {counts}"))
    return told


def create_automations() -> list[str]:
    """Create the automations of automations.yaml at the Prefect server; return their names.

    Holds:   one that is there under the same name is replaced: again is the same as once
    Raises:  as at_server; UsageError before `prefect deploy --all`
    """
    listed = read_yaml(FILE.read_text(encoding="utf-8"))["automations"]
    with at_server() as client:
        for content in listed:
            _create(client, content)
    return [content["name"] for content in listed]


def _create(client: SyncPrefectClient, content: dict[str, Any]) -> None:
    for action in content["actions"]:
        if name := action.pop("deployment", None):
            try:
                action["deployment_id"] = client.read_deployment_by_name(name).id
            except ObjectNotFound as missing:
                raise UsageError(
                    f"there is no deployment {name}: run `prefect deploy --all` first"
                ) from missing
    older = client.read_automations_by_name(content["name"])
    client.create_automation(AutomationCore.model_validate(content))
    for automation in older:
        client.delete_automation(automation.id)
