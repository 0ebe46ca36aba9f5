"""Reads metrics in one of the two forms from standard input, by the parsers of Prometheus's own Python library, and prints
their series as JSON: [name, labels, value]. Fails if a rule is broken that the parsers do not know.

  parse.py text|openmetrics
"""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text


def main():
    parse = {"text": text, "openmetrics": openmetrics}[sys.argv[1]]
    series, families = [], set()
    for family in parse(sys.stdin.read()):
        assert family.name not in families, f"{family.name} comes twice"
        families.add(family.name)
        assert family.documentation, f"{family.name} has no help"
        assert family.type in ("counter", "gauge"), f"{family.name}: {family.type}"
        assert family.samples, f"{family.name} has no series"
        series += [[sample.name, sample.labels, sample.value] for sample in family.samples]
    keys = [(name, tuple(sorted(labels.items()))) for name, labels, _ in series]
    assert len(keys) == len(set(keys)), "a series comes twice"
    json.dump(series, sys.stdout)


main()
