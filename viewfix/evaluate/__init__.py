"""Measure a model or a map, on published protocols or on your own photos, and report the figures."""
