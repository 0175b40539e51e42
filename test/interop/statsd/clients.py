"""Sends the same known totals by Python's two StatsD clients; the arguments are the DogStatsD and the StatsD port."""

import sys

from datadog.dogstatsd import DogStatsd
from statsd import StatsClient, TCPStatsClient

ROUNDS = 50
dogstatsd_port, udp_port, tcp_port = map(int, sys.argv[1:])

dog = DogStatsd(host="127.0.0.1", port=dogstatsd_port, constant_tags=["env:prod"], disable_telemetry=True, namespace="shop")
for i in range(ROUNDS):
    dog.increment("orders", 2, tags=["kind:a|b"])
    dog.decrement("stock", 1)
    dog.gauge("depth", i)
    dog.histogram("size", 10, tags=["flag"])
    dog.distribution("spread", 0.25)
    dog.timing("render", 20)
    dog.set("users", i % 7)
with dog.timed("block"):
    pass
dog.event("deploy", "it went\nwell", alert_type="success", tags=["by:ci"])
dog.service_check("db.up", DogStatsd.CRITICAL, message="gone")
dog.flush()
dog.close_socket()

for client in (StatsClient("127.0.0.1", udp_port, prefix="plain", maxudpsize=512), TCPStatsClient("127.0.0.1", tcp_port, prefix="plain")):
    with client.pipeline() as pipe:
        for i in range(ROUNDS):
            pipe.incr("hits", 3)
            pipe.gauge("level", 5)
            pipe.gauge("level", 1, delta=True)
            pipe.timing("took", 12.5)
            pipe.set("members", f"m{i % 9}")
    client.close()
