"""The shell: the only code that touches disk, clock, network, environment and Prefect."""
