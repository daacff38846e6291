"""The fluid engine: many scenarios per instruction."""
