"""`python -m services.cli.metrics_page FILE`: write docs/metrics.md from the catalogue, so that it cannot be wrong."""

from quantum_common.keys import SERVICES
from quantum_common.meter import Hop
from quantum_common.metric_catalogue import CATALOGUE, SECONDS, Metric
from services.cli.pipeline import METRICS_PORTS
from services.cli.written_page import write_page

SHORT = {"position-state-brain": "p33", "ai-engine": "engine", "intent-bridge": "bridge", "intent-executor": "executor"}
STRETCHES = {
    Hop.BAR_TO_INTENT: "the bar's close → the wish is written; says nothing on a market that runs faster than time",
    Hop.INTENT_TO_PLAN: "the wish was written → its plan is",
    Hop.PLAN_TO_PERMIT: "the plan was written → the permit of one issuer is; told by both",
    Hop.PERMIT_TO_ORDER: "the later permit was made → the order is claimed and goes out",
    Hop.ORDER_TO_ACK: "the order was sent → its result is known, its stop included",
    Hop.PLAN_TO_RESULT: "the plan was written → its one result is, blocked ones included",
    Hop.FILL_TO_LEDGER: "the exchange's time of a trade → the ledger shows it",
}
HEAD = """\
# Metrics

This page is written from the catalogue by `python -m services.cli.metrics_page docs/metrics.md`. Do not edit it: change
the catalogue, then write the page anew.

Each daemon serves two addresses on loopback, `GET /metrics` in Prometheus' text format and `GET /healthz`, and nothing
else:

{ports}

```
curl -s http://127.0.0.1:8044/metrics | grep quantum_trading_state
curl -s http://127.0.0.1:8044/healthz
```

`/healthz` answers 200 and `running`, else 503 and what the service waits for. `QUANTUM_METRICS_PORT` in each service's
file is its port; 0 is none. A port that somebody else has is said once in the log and tried again; trading does not
wait for it. `quantum up` takes these ports where they are free, else others: they stand in its folder, in `run.json`.

Counters and histograms move as the work is done, at a microsecond or two each. Gauges are read anew for each scrape, a
few at a time, so that no order waits for it: `make bench ARGS=metrics` measures both. One that cannot be read is left
out: without Redis `quantum_redis_up` is 0, and what stands in Redis is not shown.

## With Prometheus and Grafana

| file | what |
| --- | --- |
| `deploy/prometheus/prometheus.yml` | a scrape configuration for the machine that the daemons run on |
| `deploy/prometheus/quantum.rules.yml` | alert rules, each with its section of the [runbook](runbook.md#alerts) |
| `deploy/prometheus/quantum.rules.test.yml` | what the rules do on series made for them |
| `deploy/grafana/quantum.json` | the dashboard: import it, and choose the data source |

`make lint-metrics` checks them with promtool where that is installed (Debian: `apt-get install prometheus`), and holds
every name in them to this page.

```
cp deploy/prometheus/prometheus.yml deploy/prometheus/quantum.rules.yml /etc/prometheus/
promtool check config /etc/prometheus/prometheus.yml
systemctl reload prometheus
```

## All metrics

Each has the label `service` beside its own. Labels are bounded: by the streams, the gates, the lanes, and by the
symbols of the allowlists and of the positions that stand. The standard `process_*` metrics are there as well.

"""
TABLE = "| metric | type | labels | from | meaning |\n| --- | --- | --- | --- | --- |\n"


def render() -> str:
    """Return the whole page."""
    ports = "\n".join(
        ["| service | port |", "| --- | --- |", *(f"| {name} | {METRICS_PORTS[name]} |" for name in METRICS_PORTS)]
    )
    hops = "\n".join(f"- `{hop}`: {words}." for hop, words in STRETCHES.items())
    bounds = ", ".join(f"{bound:g}" for bound in SECONDS)
    return (
        HEAD.format(ports=ports)
        + TABLE
        + "".join(map(_row, CATALOGUE))
        + "\n`gate` is a reason code of the [runbook](runbook.md#reason-codes), or what kept the engine from\n"
        "entering, or `passed`.\n"
        + f"\nThe stretches of `quantum_hop_seconds`, in buckets of {bounds} seconds:\n\n{hops}\n"
    )


def _row(metric: Metric) -> str:
    labels = " ".join(f"`{label}`" for label in metric.labels)
    everyone = len(metric.services) == len(SERVICES)
    by = "all" if everyone else ", ".join(SHORT.get(name, name) for name in metric.services)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {by} | {metric.meaning} |\n"


if __name__ == "__main__":
    write_page(render())
