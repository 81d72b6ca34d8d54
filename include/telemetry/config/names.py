"""The names of AWS resources: ``names`` in ``include/settings.yaml``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from telemetry.yaml_documents import StrictModel

Template = Annotated[str, Field(pattern=r"^([^{}]|\{prefix\})+$")]
StreamTemplate = Annotated[str, Field(pattern=r"^([^{}]|\{prefix\})*\{stream\}([^{}]|\{prefix\})*$")]


class Names(StrictModel):
    """The names of AWS resources. Templates are filled in by the method or property of the same name."""

    prefix: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=14)]
    """At most 14 letters: with a stream's 40, a delivery stream's name has the 64 that Firehose allows. RDS allows no
    double dash."""
    queue_template: StreamTemplate = Field(alias="queue")
    dead_letter_queue_template: StreamTemplate = Field(alias="dead_letter_queue")
    delivery_stream_template: StreamTemplate = Field(alias="delivery_stream")
    topic_rule_template: StreamTemplate = Field(alias="topic_rule")
    alarm_topic_template: Template = Field(alias="alarm_topic")
    schedule_template: Template = Field(alias="schedule")
    environment_parameter_template: Template = Field(alias="environment_parameter")
    state_machine: str
    layer: str
    database_secret: str

    def queue(self, stream: str) -> str:
        return self._fill(self.queue_template, stream)

    def dead_letter_queue(self, stream: str) -> str:
        return self._fill(self.dead_letter_queue_template, stream)

    def delivery_stream(self, stream: str) -> str:
        return self._fill(self.delivery_stream_template, stream)

    def topic_rule(self, stream: str) -> str:
        """Topic rules have underscores for dashes (AWS IoT API reference, CreateTopicRule)."""
        return self.topic_rule_template.format(prefix=self.prefix.replace("-", "_"), stream=stream)

    @property
    def alarm_topic(self) -> str:
        return self._fill(self.alarm_topic_template)

    @property
    def schedule(self) -> str:
        return self._fill(self.schedule_template)

    @property
    def environment_parameter(self) -> str:
        """The SSM parameter that MWAA's startup script reads."""
        return self._fill(self.environment_parameter_template)

    def _fill(self, template: str, stream: str = "") -> str:
        return template.format(prefix=self.prefix, stream=stream.replace("_", "-"))
