"""The map in PostgreSQL with pgvector: many writers and many readers, on other machines than the photos."""
