"""Speed of the engines, as JSON: `python -m benchmarks`."""
