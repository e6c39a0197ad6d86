from importlib import import_module

import pytest
from django.apps import apps

from calls.models import StagePrompt
from calls.stages import STAGES, prompts
from calls.stages.prompts import Template, summary


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Budget ${{budget}}, {{ timeline }}.", "Budget $1,800, 3 months."),
        ("{{CONTEXT}}", "budget $1,800 a month, timeline 3 months"),
        ("{{selected_time}} {{nobody_knows}}", "not known yet not known yet"),
        ("{{{budget}}} {{}} {{a b}}", "1,800 not known yet not known yet"),
        ("never closed {{budget", "never closed budget"),
        ("never opened budget}}", "never opened budget"),
        ("{{BUDGET}}", "1,800"),
    ],
)
def test_placeholders_are_filled_and_braces_never_stay(text, said):
    context = {"budget": 1800, "timeline": "3 months"}
    rendered = Template(text).render(context, summary(context))

    assert " ".join(rendered.split()) == " ".join(said.split())
    assert "{{" not in rendered
    assert "}}" not in rendered


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("context", [{}, {"budget": 1800.5, "pets": True}])
def test_the_prompts_that_come_with_pete_say_everything_without_braces(stage, context):
    assert "{{" not in prompts.render(stage, context)
    assert "update_system_prompt" in prompts.render(stage, context) or stage == STAGES[-1]


@pytest.mark.django_db
def test_the_newest_version_of_a_row_speaks():
    StagePrompt.objects.create(stage="BOOKING", version=7, text="Old {{budget}}")
    StagePrompt.objects.create(stage="BOOKING", version=8, text="New {{budget}}")
    try:
        prompts.refresh()
        assert prompts.render("BOOKING", {"budget": 2000}) == "New 2,000"
    finally:
        prompts.install({})


@pytest.mark.django_db
def test_the_migration_gives_each_stage_a_prompt_and_takes_it_back():
    migration = import_module("calls.migrations.0002_default_prompts")
    StagePrompt.objects.all().delete()

    migration.add(apps, None)
    migration.add(apps, None)
    assert sorted(StagePrompt.objects.values_list("stage", "version")) == [(stage, 1) for stage in sorted(STAGES)]

    migration.remove(apps, None)
    assert not StagePrompt.objects.exists()
