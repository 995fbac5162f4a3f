"""The differential test's parts: `programs` (what is done), `observe` (what can be seen of it), `worker` (a process that does it)."""
