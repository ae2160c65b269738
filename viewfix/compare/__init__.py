"""Pictures held against each other: distances, places, and pictures of both. Not the way to a fix."""
