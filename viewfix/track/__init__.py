"""Tracking of a moving camera: fixes from frames in time, by a filter over the places of a map and the motion there."""
