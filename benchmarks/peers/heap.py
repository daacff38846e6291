"""An open loop through a ring as a minimal event loop: a heap of (time, event), plain Python. Prints JSON."""

import heapq
import json
import sys
import time


def run(offered: float, drain: float, ring: int, seconds: float) -> tuple[int, int]:
    """Packets sent and dropped: one packet per 1/offered, a reader that takes 1/drain for each, a ring of `ring`."""
    events = [(0.0, 0)]  # 0: a packet arrives, 1: the reader has finished one
    waiting = sent = dropped = 0
    while events:
        now, kind = heapq.heappop(events)
        if now >= seconds:
            break
        if kind == 0:
            sent += 1
            heapq.heappush(events, (sent / offered, 0))
            if waiting == ring:
                dropped += 1
                continue
            waiting += 1
            if waiting == 1:
                heapq.heappush(events, (now + 1.0 / drain, 1))
        else:
            waiting -= 1
            if waiting:
                heapq.heappush(events, (now + 1.0 / drain, 1))
    return sent, dropped


if __name__ == "__main__":
    offered, drain, ring, seconds = (float(word) for word in sys.argv[1:5])
    start = time.process_time()
    sent, dropped = run(offered, drain, int(ring), seconds)
    print(json.dumps({"processor": time.process_time() - start, "sent": sent, "dropped": dropped}))
