"""What realtime tells Prometheus. Labels come from closed sets: namespaces, close reasons, error codes."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_FAN_OUT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class RealtimeMetrics:
    """The meters of one server's realtime part, registered where the composition root says."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections = Gauge("realtime_connections", "Open client connections.", registry=registry)
        self.channels = Gauge("realtime_channels", "Channels this process listens to.", registry=registry)
        self.closed = Counter(
            "realtime_closed", "Connections ended, by reason.", ["reason"], registry=registry
        )
        self.refused = Counter(
            "realtime_refused",
            "Handshakes refused before the upgrade, by reason.",
            ["reason"],
            registry=registry,
        )
        self.control = Counter(
            "realtime_control", "Decisions heard from other processes, by kind.", ["kind"], registry=registry
        )
        self.revocations = Gauge(
            "realtime_revocations", "Revocations of tokens that this process knows.", registry=registry
        )
        self.errors = Counter(
            "realtime_errors", "Commands answered with an error, by code.", ["code"], registry=registry
        )
        self.publications = Counter(
            "realtime_publications", "Publications heard, by namespace.", ["namespace"], registry=registry
        )
        self.deliveries = Counter(
            "realtime_deliveries", "Publications handed to connections.", ["namespace"], registry=registry
        )
        self.insufficient = Counter(
            "realtime_insufficient_state",
            "Subscriptions ended because something was missed.",
            ["namespace"],
            registry=registry,
        )
        self.joins_untold = Counter(
            "realtime_joins_untold",
            "Comings and goings that others were not told of, because of a crowd or of the broker.",
            registry=registry,
        )
        self.history_reads = Counter(
            "realtime_history_reads", "Reads of a channel's history for joining clients.", registry=registry
        )
        self.fan_out_seconds = Histogram(
            "realtime_fan_out_seconds",
            "Time to hand one publication to all its subscribers.",
            buckets=_FAN_OUT_BUCKETS,
            registry=registry,
        )
        self.rpc_seconds = Histogram(
            "realtime_rpc_seconds", "Time of the application's methods.", ["method"], registry=registry
        )
