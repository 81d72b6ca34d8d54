"""Topic filters: what they take, where two of them meet, and the names of their levels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.contracts.topics import check_filter, level_names, level_value, matches, overlap

levels = st.sampled_from(["a", "b", "", "x y"])
topics = st.lists(levels, min_size=1, max_size=4).map("/".join)
filters = st.builds(
    lambda parts, rest: "/".join([*parts, *(["#"] if rest else [])]),
    st.lists(levels | st.just("+"), min_size=1, max_size=4),
    st.booleans(),
)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "taken"),
    [
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("+/b", "$aws/b", False),
        ("te/device/+///m/+", "te/device/main///m/x", True),
        ("zigbee2mqtt/#", "zigbee2mqtt/living room/lamp", True),
    ],
)
def test_a_filter_takes_topics_as_mqtt_says(topic_filter: str, topic: str, taken: bool) -> None:
    assert matches(topic_filter, topic) is taken


@given(first=filters, second=filters, topic=topics)
def test_filters_that_take_one_topic_overlap(first: str, second: str, topic: str) -> None:
    if matches(first, topic) and matches(second, topic):
        assert overlap(first, second)
    assert overlap(first, second) == overlap(second, first)


@pytest.mark.parametrize("wrong", ["", "a/#/b", "a/b+", "$aws/x", "a'b", "a/" * 8 + "b", "é" * 200])
def test_a_filter_that_aws_does_not_take_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        check_filter(wrong)


def test_levels_are_named_and_the_rest_of_a_topic_is_one_of_them() -> None:
    assert level_names("a/+/b", None) == {"device": 1}
    assert level_names("a/+/+", None) == {}
    assert level_names("zigbee2mqtt/#", "_/device") == {"device": 1}
    assert level_value("zigbee2mqtt/#", "zigbee2mqtt/hall/lamp", 1) == "hall/lamp"
