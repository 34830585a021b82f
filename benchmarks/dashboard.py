"""A picture of deploy/grafana-dashboard.json, from what `python -m benchmarks.hosted load --metrics FOLDER` wrote.

Needs matplotlib. It knows the few forms of PromQL that the dashboard has, with rates over three samples:

    python benchmarks/dashboard.py FOLDER dashboard.png
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl
from prometheus_client.parser import text_string_to_metric_families

mpl.use("Agg")
from matplotlib import pyplot as plt

DASHBOARD = Path(__file__).parent.parent / "deploy" / "grafana-dashboard.json"
SCRAPE_S = 2.0
OVER = 3
METRIC = re.compile(r"(?:by \((\w+)\) )?\(?(rate\()?\(?(agentcore_mcp_\w+)(\{[^}]*\})?")
Series = dict[str, list[float]]


def samples(folder: Path) -> list[list[tuple[str, dict[str, str], float]]]:
    """Return the samples of all workers together, moment by moment."""
    moments: dict[str, list[tuple[str, dict[str, str], float]]] = defaultdict(list)
    for path in sorted(folder.glob("worker-*.prom")):
        for family in text_string_to_metric_families(path.read_text(encoding="utf-8")):
            moments[path.stem.split("-")[-1]] += [(one.name, one.labels, one.value) for one in family.samples]
    return [moments[number] for number in sorted(moments)]


def summed(moments: list[list[tuple[str, dict[str, str], float]]], expression: str, by: str | None = None) -> Series:
    """Return ``sum by (label) (metric)``, or of its rate; "" is the label where there is none."""
    found = METRIC.search(expression)
    assert found is not None, expression
    label, rated, name, matchers = by or found[1], found[2], found[3], found[4] or ""
    unwanted = re.search(r'outcome!~"([^"]*)"', matchers)
    series: Series = defaultdict(lambda: [0.0] * len(moments))
    for moment, values in enumerate(moments):
        for metric, labels, value in values:
            if metric == name and not (unwanted and re.fullmatch(unwanted[1], labels["outcome"])):
                series[labels.get(label or "", "")][moment] += value
    if not rated:
        return series
    width = OVER * SCRAPE_S
    return {
        key: [max(0.0, late - early) / width for early, late in zip(each, each[OVER:], strict=False)]
        for key, each in series.items()
    }


def quantile(part: float, buckets: Series) -> list[float]:
    """Return what Prometheus' histogram_quantile does, at each moment."""
    bounds = sorted(buckets, key=float)
    result = []
    for counts in zip(*[buckets[bound] for bound in bounds], strict=True):
        rank = part * counts[-1]
        lower = 0.0, 0.0
        value = float("nan")
        for bound, count in zip(map(float, bounds), counts, strict=True):
            if counts[-1] and count >= rank:
                share = (rank - lower[1]) / (count - lower[1]) if count > lower[1] else 0.0
                value = lower[0] if bound == float("inf") else lower[0] + (bound - lower[0]) * share
                break
            lower = bound, count
        result.append(value)
    return result


def evaluated(moments: list[list[tuple[str, dict[str, str], float]]], expression: str) -> Series:
    """Return the series of an expression of the dashboard."""
    if found := re.match(r"histogram_quantile\(([\d.]+), (.*)\)$", expression):
        return {"": quantile(float(found[1]), summed(moments, found[2], "le"))}
    if " / clamp_min(" in expression:
        failed, whole = (summed(moments, part) for part in expression.split(" / clamp_min("))
        return {
            key: [part / max(all_, 0.001) for part, all_ in zip(failed.get(key, [0.0] * len(each)), each, strict=True)]
            for key, each in whole.items()
        }
    return summed(moments, expression)


def main(folder: Path, picture: Path) -> None:
    """Draw all panels."""
    moments = samples(folder)
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    figure, grid = plt.subplots(-(-len(panels) // 3), 3, figsize=(20, 16), layout="constrained")
    for axes, panel in zip(grid.flat, panels, strict=False):
        for target in panel["targets"]:
            for key, values in sorted(evaluated(moments, target["expr"]).items()):
                at = [(len(moments) - len(values) + number) * SCRAPE_S for number in range(len(values))]
                axes.plot(at, values, label=re.sub(r"\{\{\w+\}\}", key, target["legendFormat"]) or "(none)")
        axes.set_title(f"{panel['title']} [{panel['fieldConfig']['defaults']['unit']}]")
        axes.set_xlabel("s")
        axes.set_ylim(0, axes.get_ylim()[1] * 1.05)
        axes.grid(visible=True, alpha=0.3)
        if axes.lines:
            axes.legend(fontsize=8)
    for axes in list(grid.flat)[len(panels) :]:
        axes.remove()
    figure.savefig(picture, dpi=60)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
