"""Pages of the voice side, and what programs ask for outside /api/v1."""

from django.urls import URLPattern, URLResolver, path, re_path

from calls import views
from calls.api.vapi import VapiAssistantsView
from calls.pages import (
    analytics,
    assistants,
    call,
    calls,
    history,
    note,
    prompts,
    rehearsals,
    suite,
    vapi_agent,
    wallboard,
)
from calls.tower import views as tower

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^dashboard/?$", views.dashboard, name="dashboard"),
    re_path(r"^presence/?$", tower.take_calls, name="take-calls"),
    re_path(r"^wallboard/?$", wallboard.wallboard, name="wallboard"),
    path("calls/<uuid:call_id>/note", note.note, name="call-note"),
    path("calls/<uuid:call_id>/tower", tower.tower, name="tower"),
    path("calls/<uuid:call_id>/tower/<slug:name>", tower.control, name="control"),
    re_path(r"^analytics/?$", analytics.analytics, name="analytics"),
    re_path(
        r"^analytics/(?P<name>[a-z-]{1,20})\.(?P<extension>[a-z]{3,4})$",
        analytics.analytics_file,
        name="analytics-file",
    ),
    re_path(r"^test-suite/?$", suite.suite, name="test-suite"),
    path("test-suite/<int:number>", suite.check, name="test-suite-check"),
    re_path(r"^calls/?$", calls.calls, name="calls"),
    re_path(r"^calls/(?P<name>[^/]{1,200})/events/?$", call.call_events, name="call-events"),
    re_path(r"^calls/(?P<name>[^/]{1,200})/?$", call.call, name="call"),
    re_path(r"^vapi/assistants/?$", VapiAssistantsView.as_view(), name="vapi-assistants"),
    re_path(r"^assistants/?$", assistants.assistants, name="assistants"),
    re_path(r"^assistants/history$", history.history, name="call-history"),
    re_path(r"^assistants/apply$", assistants.apply_changes, name="assistants-apply"),
    re_path(r"^assistants/(?P<vapi_id>[^/]{1,100})/?$", assistants.assistant, name="assistant"),
    re_path(r"^prompts/?$", prompts.prompts, name="prompts"),
    re_path(r"^prompts/(?P<stage>[a-z]{1,16})/?$", prompts.prompt, name="prompt"),
    re_path(r"^prompts/(?P<stage>[a-z]{1,16})/(?P<number>[0-9]{1,9})/?$", prompts.version, name="prompt-version"),
    re_path(r"^prompts/(?P<stage>[a-z]{1,16})/(?P<number>[0-9]{1,9})/restore$", prompts.restore, name="prompt-restore"),
    re_path(r"^vapi-agent/?$", vapi_agent.vapi_agent, name="vapi-agent"),
    re_path(r"^vapi-agent/practice$", vapi_agent.start, name="practice-start"),
    re_path(r"^vapi-agent/practice/(?P<session_id>[0-9a-f-]{36})/say$", vapi_agent.say, name="practice-say"),
    re_path(r"^vapi-agent/practice/(?P<session_id>[0-9a-f-]{36})/end$", vapi_agent.end, name="practice-end"),
    re_path(r"^rehearsals/?$", rehearsals.rehearsals, name="rehearsals"),
    re_path(r"^rehearsals/start$", rehearsals.start, name="rehearsals-start"),
    re_path(r"^rehearsals/(?P<run_id>[0-9]{1,18})/?$", rehearsals.rehearsal, name="rehearsal"),
]
