"""A Ray cluster of separate processes: a head without processors, and two nodes of one each.

Prints the head's address; then reads lines: "kill" sends SIGKILL to all processes of the second
node. Ends, with the cluster, when its input does.
"""

import os
import signal
import sys
from pathlib import Path

from ray.cluster_utils import Cluster

MEMORY = 100 * 1000 * 1000


def descendants(pid):
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from descendants(int(child))
        yield int(child)


cluster = Cluster(
    initialize_head=True,
    head_node_args={
        "num_cpus": 0,
        "object_store_memory": MEMORY,
        "include_dashboard": False,
    },
)
nodes = [cluster.add_node(num_cpus=1, object_store_memory=MEMORY) for _ in range(2)]
cluster.wait_for_nodes()
print(cluster.address, flush=True)  # noqa: T201
for line in sys.stdin:
    if line.strip() == "kill":
        (raylet,) = nodes[1].all_processes["raylet"]
        killed = [*descendants(raylet.process.pid), raylet.process.pid]
        for pid in reversed(killed):
            os.kill(pid, signal.SIGKILL)
        print(len(killed), flush=True)  # noqa: T201
cluster.shutdown()
