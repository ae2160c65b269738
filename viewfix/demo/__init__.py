"""The demo: a small town that is drawn, mapped and located."""
