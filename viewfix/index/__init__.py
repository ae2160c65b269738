"""The map: the truth in SQLite or another engine, one seam to keep it, and one to search it."""
