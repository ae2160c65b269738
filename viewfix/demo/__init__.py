"""The demo: a small drawn town that is mapped and searched."""
