"""The map on disk: the truth in SQLite, a FAISS cache beside it, one seam to search them."""
