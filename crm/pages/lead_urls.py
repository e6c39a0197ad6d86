"""Addresses of the pages about leads, tasks and the pipeline."""

from django.urls import URLPattern, path, re_path

from crm.pages import composer, lead, leads, merge, pipeline, tasks

urlpatterns: list[URLPattern] = [
    re_path(r"^leads/?$", leads.leads, name="leads"),
    path("leads/news", leads.news, name="leads-news"),
    path("leads/rows", leads.rows, name="leads-rows"),
    path("leads/views", leads.save_view, name="leads-save-view"),
    path("leads/views/<int:view_id>/forget", leads.forget_view, name="leads-forget-view"),
    path("leads/bulk", leads.bulk, name="leads-bulk"),
    path("leads/bulk/undo/<str:token>", leads.undo_bulk, name="leads-bulk-undo"),
    path("leads/<int:lead_id>", lead.lead, name="lead"),
    path("leads/<int:lead_id>/", lead.lead),
    path("leads/<int:lead_id>/claim", lead.claim, name="lead-claim"),
    path("leads/<int:lead_id>/release", lead.release, name="lead-release"),
    path("leads/<int:lead_id>/stage", lead.move, name="lead-move"),
    path("leads/<int:lead_id>/owner", lead.hand_over, name="lead-owner"),
    path("leads/<int:lead_id>/facts/<slug:name>", lead.edit_fact, name="lead-fact"),
    path("leads/<int:lead_id>/undo/<str:token>", lead.take_back, name="lead-undo"),
    path("leads/<int:lead_id>/duplicates", merge.duplicates, name="lead-duplicates"),
    path("leads/<int:lead_id>/merge/<int:other_id>", merge.compare, name="lead-compare"),
    path("leads/<int:lead_id>/merge/<int:other_id>/take", merge.merge, name="lead-merge"),
    path("leads/<int:lead_id>/part/<int:merge_id>", merge.part, name="lead-part"),
    path("leads/<int:lead_id>/composer", composer.composer, name="lead-composer"),
    path("leads/<int:lead_id>/notes", composer.note, name="lead-note"),
    path("leads/<int:lead_id>/tasks", composer.task, name="lead-task"),
    path("leads/<int:lead_id>/viewings", composer.viewing, name="lead-viewing"),
    path("leads/<int:lead_id>/messages", composer.message, name="lead-message"),
    path("tasks/<int:task_id>/done", tasks.finish, name="task-done"),
    path("tasks/<int:task_id>/reopen", tasks.reopen, name="task-reopen"),
    path("tasks/<int:task_id>/snooze", tasks.snooze, name="task-snooze"),
    path("tasks/<int:task_id>/put-back", tasks.put_back, name="task-put-back"),
    path("tasks/<int:task_id>/assign", tasks.assign, name="task-assign"),
    re_path(r"^pipeline/?$", pipeline.pipeline, name="pipeline"),
    path("pipeline/cards", pipeline.cards, name="pipeline-cards"),
    path("pipeline/<slug:stage>", pipeline.column, name="pipeline-column"),
    path("pipeline/<int:lead_id>/move", pipeline.move, name="pipeline-move"),
]
