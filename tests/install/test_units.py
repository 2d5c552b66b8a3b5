"""The service files are read by systemd without a complaint, and keep what must be kept."""

import configparser
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from flows.cli import command_names
from flows.cli.around import TIMERS, UNITS
from flows.money.funds import INITIAL_SETTINGS

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "ops" / "systemd"
SERVICES = sorted(FOLDER.glob("*.service"))
HARDENED = {
    "User": "wuxing",
    "UMask": "0077",
    "NoNewPrivileges": "yes",
    "PrivateTmp": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "EnvironmentFile": "/etc/wuxing/wuxing.env",
}


def unit(path: Path) -> configparser.ConfigParser:
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read(path, encoding="utf-8")
    return read


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_service_is_no_root_and_writes_only_where_it_must(path: Path) -> None:
    service = unit(path)["Service"]
    assert {name: service.get(name) for name in HARDENED} == HARDENED
    assert service["ReadWritePaths"].startswith("/srv/wuxing")
    program, *words = service["ExecStart"].split()
    assert Path(program).parent == Path("/opt/wuxing/venv/bin")
    if Path(program).name == "wuxing":
        assert words[0] in command_names()


def test_systemd_reads_them() -> None:
    units = [*SERVICES, *FOLDER.glob("*.timer")]
    if not shutil.which("systemd-analyze"):
        # Without it here, at least each section is one that systemd has.
        known = {"Unit", "Service", "Timer", "Install"}
        assert all(set(unit(path).sections()) <= known for path in units)
        return
    told = subprocess.run(
        ["systemd-analyze", "verify", *map(str, units)], capture_output=True, text=True, check=False
    )
    said = [line for line in told.stderr.splitlines() if "is not executable" not in line]
    assert said == []


def test_every_timer_has_its_service_and_the_doctor_looks_at_it() -> None:
    assert {path.name for path in FOLDER.glob("*.timer")} == set(TIMERS)
    assert all((FOLDER / name.replace(".timer", ".service")).is_file() for name in TIMERS)
    assert set(UNITS) < {path.name for path in SERVICES}
    assert unit(FOLDER / "wuxing-status.timer")["Timer"]["OnCalendar"] == "*:0/5"


def test_no_secret_stands_in_the_environment_file() -> None:
    text = (FOLDER / "wuxing.env").read_text(encoding="utf-8")
    named = dict(re.findall(r"^#? ?([A-Z_]+)=(.*)$", text, re.MULTILINE))
    assert not [name for name in named if "PASSWORD" in name and named[name]]
    assert named["TZ"] == "Asia/Shanghai"
    assert "backup" in tomllib.loads(INITIAL_SETTINGS.read_text(encoding="utf-8"))


def test_a_shell_reads_the_environment_file_as_systemd_does(tmp_path: Path) -> None:
    """What holds a character of the shell's stands in single quotes, which systemd takes, too."""
    told = "https://example.cn/send?key=a&x=$1;b #c"
    text = (FOLDER / "wuxing.env").read_text(encoding="utf-8")
    path = tmp_path / "wuxing.env"
    path.write_text(text.replace("# WUXING_WEBHOOK=", f"WUXING_WEBHOOK='{told}'"), encoding="utf-8")
    words = ["sh", "-c", f'set -a; . "{path}"; env']
    said = subprocess.run(words, env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=True)
    lines = said.stdout.decode().splitlines()
    plain = re.findall(r"^[A-Z_]+=.*$", text, re.MULTILINE)
    assert {f"WUXING_WEBHOOK={told}", *plain} <= set(lines)
    assert "'single quotes'" in text


PREFECT = """#!/bin/sh
echo "$*" >> "$0.said"
case "$*" in
*inspect*) test -e "$0.pool" ;;
*create*) touch "$0.pool"; exit 1 ;;
esac
"""
PYTHON = """#!/bin/sh
case "$2" in
*health*) echo asked >> "$0.asked"; test "$(wc -l < "$0.asked")" -ge 3 ;;
*) pwd ;;
esac
"""


def test_deploy_waits_for_a_server_just_started_and_for_a_worker_that_made_the_pool(
    tmp_path: Path,
) -> None:
    scripts = {"prefect": PREFECT, "python": PYTHON, "wuxing": "#!/bin/sh\n"}
    scripts |= {"id": "#!/bin/sh\necho wuxing\n", "sleep": "#!/bin/sh\n"}
    programs, share = tmp_path / "bin", tmp_path / "share" / "wuxing"
    programs.mkdir()
    share.mkdir(parents=True)
    for name, text in scripts.items():
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    script = share / "wuxing-deploy.sh"
    text = (FOLDER / script.name).read_text(encoding="utf-8")
    settings = FOLDER / "wuxing.env"
    script.write_text(text.replace("/etc/wuxing/wuxing.env", str(settings)), encoding="utf-8")
    path = {"PATH": f"{programs}:/usr/bin:/bin"}
    subprocess.run(["sh", script], env=path, check=True)
    assert len((programs / "python.asked").read_text(encoding="utf-8").splitlines()) == 3
    *_, last = (programs / "prefect.said").read_text(encoding="utf-8").splitlines()
    assert "deploy --all" in last
