"""Explanations of answers: the evidence behind an answer, and the page that shows it."""
