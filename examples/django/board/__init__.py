"""A board: those who are logged in leave notes, which a queue worker counts."""
