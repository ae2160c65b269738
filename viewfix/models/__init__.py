"""Pixels become descriptors."""
