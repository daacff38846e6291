"""Evidence: bundled data, published claims recomputed, and the model validated against published values."""
