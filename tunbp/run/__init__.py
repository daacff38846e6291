"""Running notebooks in batch: checked parameters, what has changed, worker processes, state files."""
