"""What sends: codes of `Scenario.source` in the compiled kernels."""

TCP, OPEN, FRAMES, PKTGEN = 0, 1, 2, 3
CODES = {"tcp": TCP, "open": OPEN, "frames": FRAMES, "pktgen": PKTGEN}
