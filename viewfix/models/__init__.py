"""Models: descriptors and local features of pictures."""
