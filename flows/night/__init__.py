"""The night: its stages in order, their gates, the Prefect flow over them, the record of a run."""

import os

# Prefect reads them when it is imported: it talks to nobody outside.
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "90")
