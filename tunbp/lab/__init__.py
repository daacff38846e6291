"""Live measurement of the real kernel; writes what `tunbp.traces` reads."""
