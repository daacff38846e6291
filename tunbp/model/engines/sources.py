"""What sends: codes of `Scenario.source` in the compiled kernels."""

TCP, OPEN, FRAMES = 0, 1, 2
CODES = {"tcp": TCP, "open": OPEN, "frames": FRAMES}
