"""Turn photos into rows of a store, on this machine or on many, a batch at a time."""
