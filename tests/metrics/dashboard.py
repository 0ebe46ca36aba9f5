"""Checks a dashboard against Grafana's schema: whatever Grafana's own classes do not know is lost when they read it and write
it again.

  dashboard.py FILE
"""

import json
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


def lost(before, after, path):
    """The places of `before` that are not the same in `after`, which may have more: defaults."""
    if isinstance(before, dict):
        for key in before:
            if not isinstance(after, dict) or key not in after:
                yield f"{path}/{key} is not known"
            else:
                yield from lost(before[key], after[key], f"{path}/{key}")
    elif isinstance(before, list):
        if not isinstance(after, list) or len(before) != len(after):
            yield f"{path} is no list of {len(before)}"
        else:
            for index, pair in enumerate(zip(before, after)):
                yield from lost(*pair, f"{path}/{index}")
    elif before != after or type(before) is not type(after):
        yield f"{path}: {before!r} becomes {after!r}"


def main():
    register_default_plugins()
    with open(sys.argv[1], encoding="utf-8") as file:
        before = json.load(file)
    after = json.loads(json.dumps(Dashboard.from_json(before), cls=JSONEncoder))
    faults = list(lost(before, after, ""))
    print("\n".join(faults), end="")
    return 1 if faults else 0


sys.exit(main())
