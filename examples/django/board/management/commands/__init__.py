"""What runs beside the web: a queue worker and a scheduler."""
