"""An answer becomes a page that shows what it rests on."""
