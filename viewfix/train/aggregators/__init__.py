"""Feature maps become one vector a picture."""
