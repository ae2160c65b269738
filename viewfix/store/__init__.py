"""The truth about a map: the seam of storage, and the engines behind it."""
