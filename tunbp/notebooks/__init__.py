"""What each notebook needs beside the library: one folder each, named as the notebook without its number."""
