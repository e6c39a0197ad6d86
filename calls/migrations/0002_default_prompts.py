"""Give each stage its first prompt, for staff to edit."""

from django.db import migrations

from calls.stages.default_prompts import DEFAULT_PROMPTS


def add(apps, schema_editor):
    prompt = apps.get_model("calls", "StagePrompt")
    for stage, text in DEFAULT_PROMPTS.items():
        prompt.objects.get_or_create(stage=stage, version=1, defaults={"text": text})


def remove(apps, schema_editor):
    apps.get_model("calls", "StagePrompt").objects.filter(version=1, author=None).delete()


class Migration(migrations.Migration):
    dependencies = [("calls", "0001_initial")]

    operations = [migrations.RunPython(add, remove)]
