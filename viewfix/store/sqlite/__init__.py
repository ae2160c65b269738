"""The map as one SQLite file: nothing to install, nothing to run."""
