"""How the board is configured and served."""
