"""What the installation as a whole remembers; nothing here belongs to a tenant."""

from django.db import models


class Heartbeat(models.Model):
    """The last sign of life of one kind of background process."""

    name = models.CharField(max_length=40, primary_key=True)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
