"""What is kept in MySQL."""
from django.conf import settings
from django.db import models


class Note(models.Model):
    """What somebody has written."""
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    text = models.CharField(max_length=200)
    written = models.DateTimeField(auto_now_add=True)


class Tally(models.Model):
    """How many notes there were when the queue worker counted."""
    notes = models.PositiveIntegerField()
    asked_by = models.CharField(max_length=20)
    counted = models.DateTimeField(auto_now_add=True)
