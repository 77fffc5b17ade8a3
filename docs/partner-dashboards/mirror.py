"""Keeps a copy of when each API token was last used, for a dashboard to read.

    KELOA_URL=https://… KELOA_TOKEN=keloa_pk_live_… python3 mirror.py mirror.db [once]

Needs Python 3.9 or newer and nothing else. The token needs the ability READ.
"""
import json
import os
import sqlite3
import sys
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta

QUERY = """
query Tokens($after: Cursor, $filter: ApiTokenFilter, $orderBy: ApiTokenOrder!) {
  apiTokens(first: 100, after: $after, filter: $filter, orderBy: $orderBy) {
    nodes { id label hint lastUsedAt lastUsedIp }
    pageInfo { hasNextPage endCursor }
  }
}
"""

# Servers write uses a few seconds late, and not all at once: ask a little
# further back than the newest use that is known. Must exceed --last-used-flush.
OVERLAP = timedelta(minutes=1)
# How long to wait between polls, in seconds: the least while tokens are in use,
# twice as long each time nothing new has come, up to the most.
LEAST, MOST = 15, 300
# How often to read everything, in seconds: new tokens that were never used, and
# those that are gone, do not show in what was used since.
COMPLETE = 3600


class Busy(Exception):
    """The server asks to be left alone for some seconds."""


def ask(variables):
    request = urllib.request.Request(
        os.environ["KELOA_URL"] + "/graphql",
        json.dumps({"query": QUERY, "variables": variables}).encode(),
        {
            "Authorization": "Bearer " + os.environ["KELOA_TOKEN"],
            "Content-Type": "application/json",
            "User-Agent": "usage-mirror/1.0",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as refused:
        if refused.code in (429, 503):
            raise Busy(int(refused.headers.get("Retry-After") or MOST))
        sys.exit(f"HTTP {refused.code}: " + refused.read().decode())
    except OSError as gone:  # no connection, or one that broke off
        print(gone, file=sys.stderr)
        raise Busy(LEAST)
    if answer.get("errors"):
        sys.exit(json.dumps(answer["errors"]))
    return answer["data"]["apiTokens"]


def pages(where, field):
    """Yields each page of a list of tokens, following the cursor."""
    after = None
    while True:
        page = ask({"after": after, "filter": where, "orderBy": {"field": field}})
        yield page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


def poll(mirror, complete):
    """Brings the copy up to date, and returns how many tokens have changed."""
    where, field = {}, "CREATED_AT"
    (newest,) = mirror.execute("SELECT max(last_used_at) FROM tokens").fetchone()
    if newest and not complete:
        # To the second, which the overlap makes up for: times have as many more
        # digits as they need, and not every Python reads any number of them.
        since = datetime.fromisoformat(newest[:19]) - OVERLAP
        where, field = {"lastUsedSince": since.isoformat() + "Z"}, "LAST_USED_AT"
    requests, read, changed = 0, [], 0
    for nodes in pages(where, field):
        requests += 1
        read += nodes
    with mirror:  # all of it, or nothing
        for t in read:
            changed += mirror.execute(
                "INSERT INTO tokens VALUES (:id, :label, :hint, :lastUsedAt, :lastUsedIp) ON CONFLICT (id) DO UPDATE"
                " SET label = :label, last_used_at = :lastUsedAt, last_used_ip = :lastUsedIp"
                " WHERE last_used_at IS NOT :lastUsedAt OR label <> :label", t).rowcount
        if not where:
            held = {id for (id,) in mirror.execute("SELECT id FROM tokens")}
            for id in held - {t["id"] for t in read}:
                changed += mirror.execute("DELETE FROM tokens WHERE id = ?", (id,)).rowcount
    print(f"{len(read)} tokens read in {requests} requests, {changed} changed", flush=True)
    return changed


def main(path, once=None):
    mirror = sqlite3.connect(path)
    mirror.execute("CREATE TABLE IF NOT EXISTS tokens (id TEXT PRIMARY KEY, label TEXT, hint TEXT,"
                   " last_used_at TEXT, last_used_ip TEXT)")
    (known,) = mirror.execute("SELECT count(*) FROM tokens").fetchone()
    if once:
        try:
            poll(mirror, complete=not known)
        except Busy as busy:
            sys.exit(f"try again in {busy.args[0]} seconds")
        return
    wait, completed = LEAST, None
    while True:
        complete = completed is None or time.monotonic() - completed > COMPLETE
        try:
            wait = LEAST if poll(mirror, complete) else min(2 * wait, MOST)
            completed = time.monotonic() if complete else completed
        except Busy as busy:
            wait = busy.args[0]
        time.sleep(wait)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["once"]):
        sys.exit(__doc__)
    main(*sys.argv[1:])
