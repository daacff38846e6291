"""The exact twin: one scenario, packet by packet."""
