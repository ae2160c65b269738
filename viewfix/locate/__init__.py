"""Candidates become a fix. Pure functions: no file, no clock, no model."""
