"""The files that watch over one compose project: rules with their tests, a dashboard, and Prometheus to run them. Pure."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

import yaml

from trimtab.observe.rules import NEAR, AlertRule, Situation, Watched, among, quoted, rules_for

METRICS_PORT = 9464
"""Where `trimtab metrics --listen` is expected; the port that OpenTelemetry gives to Prometheus exporters."""
RULES, TESTS, DASHBOARD = "trimtab-rules.yml", "trimtab-rules.test.yml", "grafana-dashboard.json"
CONFIG, COMPOSE = "prometheus.yml", "compose.prometheus.yaml"
SCRAPED = "30s"
"""How often Prometheus asks, and the least step of each query.

Grafana takes 15 s where its data source says nothing else, and four times that for `$__rate_interval`: two values or one, which
makes holes and teeth of a rate.
"""


def alert_files(watched: Watched, mark: str, *, propagates: bool = True) -> dict[str, str]:
    """All files by name. `mark` is the line that says by what a file was generated; in JSON it is the description.

    `propagates` says whether the machine's `/` hands on what is mounted later; the engine refuses `rslave` where it does not.
    """
    rules = rules_for(watched)
    groups, config = _yaml({"groups": _groups(watched, rules)}), _yaml(_config(watched))
    return {
        RULES: f"{mark}\n{groups}",
        TESTS: f"{mark}\n# promtool test rules {TESTS}\n{_yaml(_tests(rules))}",
        CONFIG: f"{mark}\n{config}",
        COMPOSE: f"{mark}\n{_compose(watched, groups + config, propagates=propagates)}",
        DASHBOARD: json.dumps(_dashboard(watched, mark), indent=2, ensure_ascii=False) + "\n",
    }


def hands_on_mounts(mountinfo: str) -> bool:
    """Whether `/`, by the text of `/proc/self/mountinfo`, is a shared or a slave mount; where it does not tell, it is."""
    found = [line.split() for line in mountinfo.splitlines()]
    roots = [words for words in found if words[4:5] == ["/"]]
    return not roots or any(word.startswith(("shared:", "master:")) for word in roots[-1][6:])


def _yaml(data: object) -> str:
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100_000)


def _groups(watched: Watched, rules: Sequence[AlertRule]) -> list[object]:
    return [{"name": f"trimtab-{watched.project}", "rules": [_rule(each) for each in rules]}]


def _rule(rule: AlertRule) -> dict[str, object]:
    return {
        "alert": rule.name,
        "expr": rule.expr,
        **({"for": rule.lasts} if rule.lasts != "0m" else {}),
        "labels": {"severity": rule.level},
        "annotations": {"summary": rule.summary, "description": rule.description},
    }


def _tests(rules: Sequence[AlertRule]) -> dict[str, object]:
    situations = [(rule, situation) for rule in rules for situation in (rule.bad, rule.good)]
    return {
        "rule_files": [RULES],
        "evaluation_interval": "1m",
        "tests": [_test(rule, situation) for rule, situation in situations],
    }


def _test(rule: AlertRule, situation: Situation) -> dict[str, object]:
    fires = situation.fires
    alerts = [] if fires is None else [{"exp_labels": dict(fires), "exp_annotations": _said(rule, fires, situation.value)}]
    return {
        "name": f"{rule.name} {'fires' if alerts else 'does not fire'}",
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in situation.series.items()],
        "alert_rule_test": [{"eval_time": situation.at, "alertname": rule.name, "exp_alerts": alerts}],
    }


def _said(rule: AlertRule, labels: Mapping[str, str], value: str) -> dict[str, str]:
    """The texts as Prometheus fills them in."""

    def filled(text: str) -> str:
        text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda match: labels.get(match[1], ""), text)
        return re.sub(r"\{\{ \$value(?: \| \w+)? \}\}", value, text)

    return {"summary": filled(rule.summary), "description": filled(rule.description)}


def _config(watched: Watched) -> dict[str, object]:
    return {
        "global": {"scrape_interval": SCRAPED, "evaluation_interval": SCRAPED},
        "rule_files": [RULES],
        "scrape_configs": [
            {"job_name": f"trimtab-{watched.project}", "static_configs": [{"targets": [f"127.0.0.1:{METRICS_PORT}"]}]},
            {"job_name": "node", "static_configs": [{"targets": ["127.0.0.1:9100"]}]},
        ],
    }


def _compose(watched: Watched, read: str, *, propagates: bool) -> str:
    """`read` is what Prometheus reads at its start.

    Files are mounted one by one, so that they can be read by its user whatever the folder's mode is. A container keeps the file
    that it was started with when another takes its place, and a signal would have it read the old one anew: the label makes it
    another container.
    """
    name = re.sub(r"[^a-z0-9_-]", "-", f"{watched.project}-monitoring".lower()).lstrip("-_")
    digest = hashlib.sha256(read.encode()).hexdigest()[:16]
    return _COMPOSE.format(
        name=name, digest=digest, propagation=",rslave" if propagates else "", compose=COMPOSE, config=CONFIG, rules=RULES,
        port=METRICS_PORT,
    )  # fmt: skip


_COMPOSE = """# In this folder, and again whenever the files were written anew: docker compose -f {compose} up -d
# In the fleet's folder, both for as long as it is watched:
#   trimtab observe          (`trimtab observe --snippet` has a container do it)
#   trimtab metrics --listen 127.0.0.1:{port}
# The metrics are served on the host's loopback address only, so Prometheus shares the host's network and serves
# http://127.0.0.1:9090 on the same address. That needs Linux.
name: {name}
services:
  prometheus:
    image: prom/prometheus:v2.55.1
    # trimtab: ignore[CM207] what it scrapes is served on the host's loopback address only
    network_mode: host
    command:
      - --config.file=/etc/prometheus/prometheus.yml
      - --storage.tsdb.path=/prometheus
      - --storage.tsdb.retention.time=30d
      - --web.listen-address=127.0.0.1:9090
    volumes:
      - ./{config}:/etc/prometheus/prometheus.yml:ro
      - ./{rules}:/etc/prometheus/{rules}:ro
      - prometheus:/prometheus
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    restart: unless-stopped
    stop_grace_period: 1m
    labels:
      # What it reads: other rules are another container, as a running one would keep the old files.
      trimtab.reads: "{digest}"
    healthcheck:
      test: [CMD, wget, -q, --spider, "http://127.0.0.1:9090/-/healthy"]
      interval: 30s
      timeout: 5s
      retries: 3
      start_period: 30s
    logging: &logs
      driver: local
      options: {{max-size: 10m, max-file: "3"}}
    deploy:
      resources:
        limits: {{memory: 512M, cpus: "1.00"}}
        reservations: {{memory: 128M}}
  node-exporter:
    image: prom/node-exporter:v1.8.2
    # trimtab: ignore[CM207] it tells of the host's network, and is scraped on its loopback address
    network_mode: host
    # trimtab: ignore[CM202] it tells of the host's processes
    pid: host
    command:
      - --path.rootfs=/host
      - --web.listen-address=127.0.0.1:9100
    # With `rslave` it sees what is mounted later; the engine refuses that where `/` is no shared mount, as without systemd.
    volumes:
      # trimtab: ignore[CM208] it tells how full each of the host's filesystems is
      - /:/host:ro{propagation}
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    restart: unless-stopped
    logging: *logs
    deploy:
      resources:
        limits: {{memory: 64M, cpus: "0.25"}}
        reservations: {{memory: 16M}}
volumes:
  prometheus:
"""


def _dashboard(watched: Watched, mark: str) -> dict[str, object]:
    looks = _looks(watched)
    chosen = f'project={quoted(watched.project)}, service=~"$service"'
    rate = "[$__rate_interval]"
    held = f"rate(trimtab_container_cpu_throttled_periods_total{{{chosen}}}{rate})"
    critical = among(watched.scanned, 'severity="critical"')
    used = f"trimtab_container_memory_working_set_bytes{{{chosen}}}"
    panels = [
        ("Processor cores", "timeseries", f"rate(trimtab_container_cpu_seconds_total{{{chosen}}}{rate})", "none"),
        ("Memory without page cache", "timeseries", used, "bytes"),
        (
            "Share of the memory limit",
            "timeseries",
            f"{used} / trimtab_container_memory_limit_bytes{{{chosen}}}",
            "percentunit",
        ),
        ("Held back", "timeseries", f"{held} / rate(trimtab_container_cpu_periods_total{{{chosen}}}{rate})", "percentunit"),
        ("Health", "state-timeline", f'trimtab_container_health_status{{{chosen}, status="unhealthy"}}', "none"),
        ("Killed for want of memory", "timeseries", f"increase(trimtab_container_oom_kills_total{{{chosen}}}{rate})", "none"),
        ("Restarts", "timeseries", f"increase(trimtab_container_restarts_total{{{chosen}}}{rate})", "none"),
        ("Bytes received", "timeseries", f"rate(trimtab_container_network_receive_bytes_total{{{chosen}}}{rate})", "Bps"),
        ("Failed requests", "timeseries", f"rate(trimtab_holder_failed_requests_total{{{chosen}}}{rate})", "reqps"),
        ("Revision", "stat", f"trimtab_deployment_revision{{project={quoted(watched.project)}}}", "none"),
        ("Builds", "timeseries", f"trimtab_build_duration_seconds{among(watched.built)}", "s"),
        ("Images", "timeseries", f"trimtab_image_size_bytes{among(watched.built)}", "decbytes"),
        ("Critical vulnerabilities", "stat", f"sum by (target) (trimtab_scan_vulnerabilities{critical})", "none"),
    ]
    names = f"label_values(trimtab_container_last_observed_timestamp_seconds{{project={quoted(watched.project)}}}, service)"
    return {
        "title": f"trimtab: {watched.project}",
        "description": mark,
        "uid": re.sub(r"[^a-z0-9_-]", "-", f"trimtab-{watched.project}".lower())[:40],
        "tags": ["trimtab"],
        "schemaVersion": 39,
        "graphTooltip": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [
            {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
            {"name": "service", "type": "query", "datasource": _SOURCE, "query": names, "refresh": 2, "multi": True,
             "includeAll": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}},
        ]},
        "panels": [_panel(number, *each, looks.get(each[0], {})) for number, each in enumerate(panels)],
    }  # fmt: skip


_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


_LEGENDS = (
    ("trimtab_container_", "{{service}}-{{number}}"),
    ("trimtab_holder_", "{{service}}"),
    ("trimtab_deployment_", "{{project}}"),
    ("trimtab_", "{{target}}"),
)
"""The labels that tell a metric's series apart, by what its name begins with."""


def _looks(watched: Watched) -> dict[str, dict[str, object]]:
    """Colours and words by a panel's title: Grafana's own threshold is 80, so that ten critical vulnerabilities are green."""
    limit = (watched.max_critical or 0) + 1
    words = {
        "0": {"text": "not unhealthy", "color": "green", "index": 0},
        "1": {"text": "unhealthy", "color": "red", "index": 1},
    }
    return {
        "Health": {"mappings": [{"type": "value", "options": words}], **_red_from(1)},
        "Share of the memory limit": _red_from(NEAR),
        "Critical vulnerabilities": _red_from(limit),
        "Revision": {"thresholds": {"mode": "absolute", "steps": [{"color": "text", "value": None}]}},
        "Killed for want of memory": {"decimals": 0},
        "Restarts": {"decimals": 0},
    }


def _red_from(value: float) -> dict[str, object]:
    steps = [{"color": "green", "value": None}, {"color": "red", "value": value}]
    return {"thresholds": {"mode": "absolute", "steps": steps}}


def _panel(number: int, title: str, kind: str, expr: str, unit: str, looks: Mapping[str, object]) -> dict[str, object]:
    """One of two columns of panels."""
    colour = {"color": {"mode": "palette-classic" if kind == "timeseries" else "thresholds"}}
    tooltip = {"options": {"tooltip": {"mode": "multi", "sort": "desc"}}} if kind == "timeseries" else {}
    legend = next(legend for prefix, legend in _LEGENDS if prefix in expr)
    return {
        "id": number + 1,
        "title": title,
        "type": kind,
        "datasource": _SOURCE,
        "gridPos": {"h": 8, "w": 12, "x": number % 2 * 12, "y": number // 2 * 8},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, **colour, **looks}, "overrides": []},
        **tooltip,
        "targets": [{"refId": "A", "expr": expr, "interval": SCRAPED, "legendFormat": legend, "datasource": _SOURCE}],
    }
