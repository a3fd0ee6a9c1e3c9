"""The first tables."""
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def key():
    return models.BigAutoField(auto_created=True, primary_key=True, serialize=False,
                               verbose_name='ID')


class Migration(migrations.Migration):
    """Notes and tallies."""
    initial = True
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel(name='Tally', fields=[
            ('id', key()),
            ('notes', models.PositiveIntegerField()),
            ('asked_by', models.CharField(max_length=20)),
            ('counted', models.DateTimeField(auto_now_add=True)),
        ]),
        migrations.CreateModel(name='Note', fields=[
            ('id', key()),
            ('text', models.CharField(max_length=200)),
            ('written', models.DateTimeField(auto_now_add=True)),
            ('author', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE,
                                         to=settings.AUTH_USER_MODEL)),
        ]),
    ]
