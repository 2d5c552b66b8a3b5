#!/bin/sh
# /usr/local/bin/wuxing: the operator's command, as the user of the services and with their settings.
exec sudo -u wuxing /bin/sh -c 'set -a; . /etc/wuxing/wuxing.env; set +a; cd /srv/wuxing; exec /opt/wuxing/venv/bin/wuxing "$@"' wuxing "$@"
