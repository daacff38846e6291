"""The same open loop with simpy: two processes and a Store of limited size. Prints JSON; needs `pip install simpy`."""

import json
import sys
import time
from collections.abc import Iterator

import simpy


def run(offered: float, drain: float, ring: int, seconds: float) -> tuple[int, int]:
    """Packets sent and dropped; an entry leaves the ring when the reader has finished it."""
    world = simpy.Environment()
    count = {"sent": 0, "dropped": 0, "waiting": 0}
    bell = simpy.Store(world)

    def sender() -> Iterator[simpy.Event]:
        while True:
            count["sent"] += 1
            if count["waiting"] == ring:
                count["dropped"] += 1
            else:
                count["waiting"] += 1
                bell.put(None)
            yield world.timeout(1.0 / offered)

    def reader() -> Iterator[simpy.Event]:
        while True:
            yield bell.get()
            yield world.timeout(1.0 / drain)
            count["waiting"] -= 1

    world.process(sender())
    world.process(reader())
    world.run(until=seconds)
    return count["sent"], count["dropped"]


if __name__ == "__main__":
    offered, drain, ring, seconds = (float(word) for word in sys.argv[1:5])
    start = time.process_time()
    sent, dropped = run(offered, drain, int(ring), seconds)
    print(json.dumps({"processor": time.process_time() - start, "sent": sent, "dropped": dropped}))
