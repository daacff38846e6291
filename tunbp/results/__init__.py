"""What a notebook writes: figures, tables and numbers with where they come from."""
