"""Normalised pixels become feature maps."""
