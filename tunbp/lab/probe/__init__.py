"""The probe: constants of a tunnel that is running, on any kernel, from its tracepoints.

`record` holds the kernel's tracepoints in its own buffers and takes them out window by window (`keeper`, `instance`,
`pages`, `events`); `match` follows each packet by its address; `service`, `arrivals` and `ring` say what that means,
with the intervals of `intervals`; `summary` makes constants of it, `dataset` a Dataset. `coarse` does without any of
it.
"""
