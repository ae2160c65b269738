"""Photos come in: every source is an iterable of Photo | Skipped."""
