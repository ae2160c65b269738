"""Shared parts of the HTML reports: one base page, one style sheet, embedded pictures, plans and number formats."""
