"""Refusals of the voice side."""

from crm.errors import CrmError


class UnknownTool(CrmError):
    code = "unknown_tool"


class UnknownStage(CrmError):
    code = "unknown_stage"


class StageOrder(CrmError):
    code = "stage_order"
