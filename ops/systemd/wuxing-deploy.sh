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
# A server that was just started answers after some seconds.
tries=0
until "$bin/python" -c 'import os, urllib.request as web
web.urlopen(os.environ["PREFECT_API_URL"] + "/health", timeout=5)' 2>/dev/null; do
    tries=$((tries + 1))
    if [ $tries -ge 60 ]; then
        echo "$PREFECT_API_URL does not answer: systemctl status wuxing-server.service" >&2
        exit 1
    fi
    sleep 1
done
# The worker makes the pool, too, when it starts: it may come between these two.
"$bin/prefect" work-pool inspect district >/dev/null 2>&1 ||
    "$bin/prefect" --no-prompt work-pool create district --type process ||
    "$bin/prefect" work-pool inspect district >/dev/null
"$bin/prefect" --no-prompt deploy --all --prefect-file "$here/prefect.yaml"
"$bin/wuxing" automations
