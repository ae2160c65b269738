"""Why an answer is what it is: the evidence worked out again, and the page that shows it."""
