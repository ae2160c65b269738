"""The map over several servers: each photo on one of them, every question to those that it concerns."""
