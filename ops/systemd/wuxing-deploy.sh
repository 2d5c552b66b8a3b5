#!/bin/sh
# Tells Prefect's server what to run: pool, deployments, automations. Again: brings them up to date.
set -eu
[ "$(id -un)" = wuxing ] || exec sudo -u wuxing sh "$0"
set -a
. /etc/wuxing/wuxing.env
set +a
here=$(dirname "$(readlink -f "$0")")
bin=$here/../../bin
# The flows are found from where the program is installed.
cd "$("$bin/python" -c 'import flows, pathlib; print(pathlib.Path(flows.__file__).parents[1])')"
"$bin/prefect" work-pool inspect district >/dev/null 2>&1 ||
    "$bin/prefect" --no-prompt work-pool create district --type process
"$bin/prefect" --no-prompt deploy --all --prefect-file "$here/prefect.yaml"
"$bin/wuxing" automations
