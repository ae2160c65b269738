"""STAC: the photos of maps as collections and items, so that other viewers of street-level pictures can browse them."""
