#!/bin/sh
# Once per release, before the other units start: folders, tables, static files. Works as the owner of the tables.
set -eu
export PORTAL_DATABASE_ROLE=owner
install -d -m 0700 "$PORTAL_HOME" "$PORTAL_HOME/run"
python manage.py migrate --no-input
python manage.py keys check
python manage.py collectstatic --no-input --clear
