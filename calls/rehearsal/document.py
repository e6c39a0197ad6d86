"""YAML with places: every value knows its file, its line and its path, so that a mistake can be named exactly."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never

import yaml

LARGEST_BYTES = 200_000


class ScenarioError(Exception):
    """A scenario cannot be read. The message names the file, the line and the field."""


@dataclass(frozen=True)
class Field:
    """One value of the document."""

    file: str
    path: str
    node: yaml.Node

    @property
    def line(self) -> int:
        return int(self.node.start_mark.line) + 1

    def fail(self, message: str) -> Never:
        """Raise ScenarioError about this value."""
        raise ScenarioError(f"{self.file}, line {self.line}, {self.path or 'the whole file'}: {message}")

    def mapping(self, known: Collection[str], required: Collection[str] = ()) -> dict[str, Field]:
        """Return the fields of a mapping. Unknown, repeated and missing ones are mistakes."""
        fields = self.pairs()
        for name, given in fields.items():
            if name not in known:
                given.fail(f"is not known here. Known: {', '.join(known)}.")
        for name in required:
            if name not in fields:
                self.fail(f"{name} is missing.")
        return fields

    def pairs(self) -> dict[str, Field]:
        """Return the fields of a mapping with any names."""
        if not isinstance(self.node, yaml.MappingNode):
            self.fail("should be fields with values, “name: value”.")
        found: dict[str, Field] = {}
        for key, value in self.node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            given = Field(self.file, f"{self.path}.{name}".lstrip("."), value)
            if not name or name in found:
                given.fail("is there twice." if name else "needs a plain name.")
            found[name] = given
        return found

    def items(self) -> list[Field]:
        """Return the entries of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            self.fail("should be a list, each entry after a dash.")
        return [Field(self.file, f"{self.path}[{place}]", node) for place, node in enumerate(self.node.value, 1)]

    def text(self) -> str:
        if not isinstance(self.node, yaml.ScalarNode) or not self.node.value.strip():
            self.fail("should be text.")
        return str(self.node.value).strip()

    def integer(self, least: int = 0) -> int:
        value = self.plain()
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            self.fail(f"should be a whole number, {least} or more.")
        return value

    def boolean(self) -> bool:
        value = self.plain()
        if not isinstance(value, bool):
            self.fail("should be true or false.")
        return value

    def choice(self, choices: Collection[str]) -> str:
        value = self.text()
        if value not in choices:
            self.fail(f"should be one of: {', '.join(choices)}.")
        return value

    def plain(self) -> Any:
        """Return the value as it would be in JSON; dates and times stay text."""
        node = self.node
        if isinstance(node, yaml.MappingNode):
            return {name: value.plain() for name, value in self.pairs().items()}
        if isinstance(node, yaml.SequenceNode):
            return [item.plain() for item in self.items()]
        if node.tag == "tag:yaml.org,2002:timestamp":
            return node.value
        try:
            return yaml.SafeLoader("").construct_object(node)
        except yaml.YAMLError:
            self.fail("cannot be read.")


def read_document(path: Path) -> Field:
    """Return the root of a file. Raises ScenarioError when it cannot be read or is not YAML."""
    name = path.name
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ScenarioError(f"{name}: larger than {LARGEST_BYTES} bytes.")
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as exc:
        raise ScenarioError(f"{name}: cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise ScenarioError(f"{name}: is not UTF-8.") from exc
    except RecursionError as exc:
        raise ScenarioError(f"{name}: too deeply nested.") from exc
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise ScenarioError(f"{name}, line {line}, the whole file: is not YAML: {exc.problem}.") from exc
    except yaml.YAMLError as exc:
        raise ScenarioError(f"{name}, line 1, the whole file: is not YAML: {exc}.") from exc
    if root is None:
        raise ScenarioError(f"{name}, line 1, the whole file: is empty.")
    return Field(name, "", root)
