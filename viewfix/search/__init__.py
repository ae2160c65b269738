"""Nearest-neighbour search over the descriptors of a map: the seam, exact search, and the index of a map file."""
