"""The night: its stages in order, their gates, the Prefect flow over them, the record of a run."""
