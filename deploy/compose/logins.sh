#!/bin/sh
# Make the login of the servers, at the first start of the database. It may not change the schema, nor delete
# or change entries of the trail.
set -eu
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set "password=$DOOR_PASSWORD" \
  --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE stormdoor_app;
CREATE ROLE door LOGIN PASSWORD :'password' IN ROLE stormdoor_app;
SQL
