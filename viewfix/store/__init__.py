"""Storage of maps: one interface, and the engines that implement it."""
