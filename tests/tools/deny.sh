#!/bin/sh
# Licences, bans and sources of everything that comes in from outside; known vulnerabilities where the advisory database
# can be had. Installs cargo-deny (about 4 minutes, once) when it is not there.
set -eu
cd "$(dirname "$0")/../.."
command -v cargo-deny >/dev/null || cargo install --locked --quiet cargo-deny@0.20.2
cargo deny --log-level warn check --hide-inclusion-graph bans licenses sources
# The database is a git repository: without a network it cannot be had, and that is no fault of ours.
if output=$(cargo deny --log-level warn check advisories 2>&1); then
    echo "advisories ok"
elif printf %s "$output" | grep -q 'failed to fetch advisory database'; then
    echo "advisories NOT CHECKED: the advisory database cannot be fetched from here"
else
    printf '%s\n' "$output"
    exit 1
fi
