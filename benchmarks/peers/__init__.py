"""The same scenario in other simulators, by our own scripts: ratios, measured side by side in one call."""
