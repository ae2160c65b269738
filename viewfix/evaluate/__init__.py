"""Published protocols and anybody's photos become figures that can be believed, and a page that shows them."""
