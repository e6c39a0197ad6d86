"""/api/v1/prompts: what the assistant is told in each stage, its history, and the way back"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from calls import stage_prompts
from calls.api.views import named
from calls.models import Assistant, Call, Stage, StagePrompt
from calls.rights import visible_calls
from crm.api import parameters
from crm.api.fields import InstantField, TextField
from crm.api.permissions import ManagersWrite
from crm.api.preconditions import conditional, etag_of, require_match
from crm.api.schema import ID, IF_MATCH, IF_NONE_MATCH, choice, maybe, parameter, record, several
from crm.api.views import ApiView, ResourceViewSet
from crm.models import Agent

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

STAGES = [stage.lower() for stage in Stage.values]
STAGE = OpenApiParameter("stage", choice(STAGES), OpenApiParameter.PATH)
OF = parameter("assistant", ID, "Pete's id of an assistant, for its own words; without one, the office's.")
_TEXT = {"type": "string"}
PREVIEW = record(text=_TEXT, warnings=several(_TEXT))


class PromptSerializer(serializers.ModelSerializer[StagePrompt]):
    """One version of a prompt. Without words (`text` "") an assistant follows the office's."""

    stage = serializers.SerializerMethodField()
    author = serializers.PrimaryKeyRelatedField[Agent](read_only=True, allow_null=True)
    created_at = InstantField(read_only=True)

    class Meta:
        model = StagePrompt
        fields = ["stage", "assistant", "version", "text", "note", "author", "created_at"]
        read_only_fields = fields
        extra_kwargs: dict[str, Any] = {"assistant": {"allow_null": True}}

    def get_stage(self, prompt: StagePrompt) -> str:
        return prompt.stage.lower()


PROMPT = {"$ref": "#/components/schemas/Prompt"}
STANDING = record(
    stage=choice(STAGES), assistant=maybe(ID), newest=maybe(PROMPT), speaking=maybe(PROMPT), warnings=several(_TEXT)
)


class NewVersionSerializer(serializers.Serializer[Any]):
    """The next version's words, with placeholders as {{budget}}, and why it changes."""

    text = TextField(max_length=stage_prompts.LONGEST_TEXT)
    note = TextField(max_length=stage_prompts.LONGEST_NOTE, allow_blank=True, required=False, default="")


class PreviewSerializer(serializers.Serializer[Any]):
    """Words to look at before they speak; `call`, Pete's id or Vapi's, lends them what it knows."""

    text = TextField(max_length=stage_prompts.LONGEST_TEXT)
    call = TextField(max_length=200, required=False, allow_null=True)


class OfStage(ApiView):
    """What is asked about one prompt: a stage's, the office's or one assistant's own."""

    access = [ManagersWrite]

    @property
    def stage(self) -> str:
        stage: str = self.kwargs["stage"].upper()
        if stage not in Stage.values:
            raise Http404
        return stage

    @property
    def assistant(self) -> Assistant | None:
        wanted = parameters.ids(self.request, "assistant")
        if not wanted:
            return None
        if len(wanted) > 1:
            parameters.refuse("assistant", "give one id.")
        return get_object_or_404(Assistant, pk=wanted[0])

    def present(self) -> dict[str, Any]:
        return standing(self.stage, self.assistant)

    def base(self) -> int:
        """Return the version that is written after. With If-Match it must be the one that was seen."""
        shape = self.present()
        require_match(self.request, etag_of(shape))
        newest = shape["newest"]
        return newest["version"] if newest else 0

    def written(self, version: StagePrompt) -> Response:
        return Response(PromptSerializer(version).data, headers={"ETag": etag_of(self.present())})


def standing(stage: str, assistant: Assistant | None) -> dict[str, Any]:
    """Return how a prompt stands: its newest version, the one that speaks, and what is probably not meant in it."""
    newest, speaking = stage_prompts.newest(stage, assistant), stage_prompts.speaking(stage, assistant)
    return {
        "stage": stage.lower(),
        "assistant": assistant.pk if assistant else None,
        "newest": PromptSerializer(newest).data if newest else None,
        "speaking": PromptSerializer(speaking).data if speaking else None,
        "warnings": stage_prompts.warnings(stage, speaking.text) if speaking else [],
    }


class PromptsView(ApiView):
    """GET the office's prompt of every stage, then those of the assistants that have words of their own."""

    @extend_schema(responses={200: record(results=several(STANDING))})
    def get(self, request: Request) -> Response:
        own = StagePrompt.objects.filter(assistant__isnull=False).order_by("assistant", "stage")
        pairs = own.values_list("assistant", "stage").distinct()
        assistants = Assistant.objects.in_bulk({pk for pk, _stage in pairs})
        offices = [standing(stage, None) for stage in Stage.values]
        return Response({"results": [*offices, *(standing(stage, assistants[pk]) for pk, stage in pairs)]})


class PromptView(OfStage):
    """One prompt: GET how it stands, PUT its next version."""

    @extend_schema(parameters=[STAGE, OF, IF_NONE_MATCH], responses={200: STANDING})
    def get(self, request: Request, stage: str) -> Response:
        """GET the version that speaks. The ETag names what was seen, for If-Match."""
        shape = self.present()
        return conditional(request, Response(shape), etag_of(shape))

    @extend_schema(request=NewVersionSerializer, parameters=[STAGE, OF, IF_MATCH], responses={200: PromptSerializer})
    def put(self, request: Request, stage: str) -> Response:
        """Write the next version; it speaks from the next turn on. 409 `prompt_conflict` when somebody was faster."""
        kind, assistant, base = self.stage, self.assistant, self.base()
        serializer = NewVersionSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        return self.written(
            stage_prompts.write_version(
                stage=kind, assistant=assistant, author=self.person, base=base, text=wanted["text"], note=wanted["note"]
            )
        )


class VersionViewSet(OfStage, ResourceViewSet):
    """The versions of one prompt, newest first."""

    queryset = StagePrompt.objects.all()
    serializer_class = PromptSerializer
    lookup_field = "version"
    ordering_fields = ["version"]
    ordering = ["-version"]

    def get_queryset(self) -> QuerySet[StagePrompt]:
        return stage_prompts.versions(self.stage, self.assistant)

    @extend_schema(parameters=[STAGE, OF])
    def list(self, request: Request, stage: str) -> Response:
        """One page of the history."""
        rows = self.page(self.get_queryset())
        return self.get_paginated_response(self.sparse(self.get_serializer(rows, many=True).data))

    @extend_schema(parameters=[STAGE, OF, OpenApiParameter("version", ID, OpenApiParameter.PATH)])
    def retrieve(self, request: Request, stage: str, version: str) -> Response:
        """One version."""
        data = self.get_serializer(self.get_object()).data
        return conditional(request, Response(self.sparse([data])[0]), self.etag(data))


class RestoreView(OfStage):
    """Go back to a version: its words become the next one. 0 has an assistant follow the office's prompt again."""

    @extend_schema(
        request=None,
        parameters=[
            STAGE,
            OF,
            IF_MATCH,
            OpenApiParameter("version", {"type": "integer", "minimum": 0}, OpenApiParameter.PATH),
        ],
        responses={200: PromptSerializer},
    )
    def post(self, request: Request, stage: str, version: str) -> Response:
        kind, assistant, base = self.stage, self.assistant, self.base()
        if int(version) == 0 and assistant is not None:
            ended = stage_prompts.end_override(stage=kind, assistant=assistant, author=self.person, base=base)
            return self.written(ended)
        old = get_object_or_404(stage_prompts.versions(kind, assistant).exclude(text=""), version=int(version))
        return self.written(stage_prompts.restore(old, author=self.person, base=base))


class PreviewView(OfStage):
    """See the words as they would speak in a call, and what is probably not meant in them. Nothing is kept."""

    @extend_schema(request=PreviewSerializer, parameters=[STAGE], responses={200: PREVIEW})
    def post(self, request: Request, stage: str) -> Response:
        serializer = PreviewSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        text, name = serializer.validated_data["text"], serializer.validated_data.get("call")
        shown = stage_prompts.preview(text, self._call(name) if name else None)
        return Response({"text": shown, "warnings": stage_prompts.warnings(self.stage, text)})

    def _call(self, name: str) -> Call:
        return get_object_or_404(visible_calls(self.person), named(name))
