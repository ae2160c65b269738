"""Embedding: describe photos and write them to a store in batches, on this machine or on many."""
