"""Compare pictures with each other: distances, places, and drawings of both. Not part of locating a photo."""
