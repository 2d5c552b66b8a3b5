"""Parts on a cluster: a scheduler and two workers of `dask.distributed`, and what may befall them.

Whatever does, the night is tried again elsewhere and ends as the undisturbed one, or it ends with
a plain message and goes on from the parts that were made.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from data_samples.town.scene_rows import paid_lines_of, typed_tables
from flows.night import cluster
from flows.night.determine import determine
from flows.night.part import expect_same_program
from flows.night.made_by import program
from flows.night.parts import Parting
from flows.store import Home, read_manifest
from tests.conftest import AS_OF
from tests.night import cluster_faults_path
from tests.night.test_parts import in_files, outcome_of
from tests.reading.towns import random_town
from transforms.errors import DigestDiffersError, MachineDeniedError, UsageError
