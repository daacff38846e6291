"""Pages made of what the notebooks wrote: the results page, notebook pages, the crate, the archive."""
