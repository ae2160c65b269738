"""Evaluation of sequences: a track over the frames of a walk or ride, against single pictures and sequence matching."""
