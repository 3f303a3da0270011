"""Tables become checked dataclasses, or an error that describes the mistake."""

import tomllib
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import pytest

from birdedge.edge.errors import SettingsError
from birdedge.edge.settings import from_table


@dataclass(frozen=True)
class Inner:
    gap_s: float = 0.1
    name: str = "inner"

    def __post_init__(self) -> None:
        if self.gap_s < 0:
            raise SettingsError(f"gap_s is {self.gap_s}; it must be at least 0")


@dataclass(frozen=True)
class Outer:
    rate_hz: int
    gain: float = 1.0
    loud: bool = False
    limit: float | None = None
    sizes: tuple[int, ...] = (1, 2)
    pair: tuple[str, int] = ("a", 1)
    mode: Literal["fast", "slow"] = "fast"
    bits: Literal[1, 16] | None = None
    modes: tuple[Literal["fast", "slow"], ...] = ()
    inner: Inner = field(default_factory=Inner)
    extra: dict[str, Any] = field(default_factory=dict)
    part: tuple[Inner, ...] = ()


def refusal(table):
    with pytest.raises(SettingsError) as caught:
        from_table(Outer, table, "[outer]")
    return str(caught.value)


def test_a_table_fills_the_dataclass_and_leaves_the_defaults():
    made = from_table(Outer, {"rate_hz": 8000, "loud": True, "extra": {"x": 1}}, "[outer]")
    assert made == Outer(8000, loud=True, extra={"x": 1})


def test_nested_tables_and_lists_become_dataclasses_and_tuples():
    table = {"rate_hz": 1, "sizes": [3, 4, 5], "pair": ["b", 2], "inner": {"gap_s": 0.2}}
    assert from_table(Outer, table, "[outer]") == Outer(1, sizes=(3, 4, 5), pair=("b", 2), inner=Inner(0.2))


def test_a_literal_takes_each_of_its_values():
    made = from_table(Outer, {"rate_hz": 1, "mode": "slow", "bits": 16, "modes": ["slow", "fast"]}, "[outer]")
    assert (made.mode, made.bits, made.modes) == ("slow", 16, ("slow", "fast"))
    assert from_table(Outer, {"rate_hz": 1, "bits": None}, "[outer]").bits is None


def test_an_int_is_accepted_for_a_float_and_none_where_allowed():
    made = from_table(Outer, {"rate_hz": 1, "gain": 2, "limit": None}, "[outer]")
    assert (made.gain, type(made.gain), made.limit) == (2.0, float, None)
    assert from_table(Outer, {"rate_hz": 1, "limit": 3}, "[outer]").limit == 3.0


def test_an_unknown_key_is_refused_with_the_nearest_valid_one():
    assert refusal({"rate_hz": 1, "gian": 2.0}) == "[outer] has the unknown key 'gian'; did you mean 'gain'?"
    assert "did you mean 'gap_s'?" in refusal({"rate_hz": 1, "inner": {"gaps": 0.1}})
    assert refusal({"rate_hz": 1, "zzzz": 1}).endswith(
        "valid keys are rate_hz, gain, loud, limit, sizes, pair, mode, bits, modes, inner, extra, part"
    )


def test_a_missing_key_without_a_default_is_named():
    assert refusal({"gain": 1.0}) == "[outer] lacks rate_hz"


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("rate_hz", True, "[outer]: rate_hz is True; it must be int"),
        ("rate_hz", 1.5, "[outer]: rate_hz is 1.5; it must be int"),
        ("gain", True, "[outer]: gain is True; it must be float"),
        ("gain", "2", "[outer]: gain is '2'; it must be float"),
        ("loud", 1, "[outer]: loud is 1; it must be bool"),
        ("limit", "x", "[outer]: limit is 'x'; it must be float"),
        ("sizes", [1, "x"], "[outer]: sizes is 'x'; it must be int"),
        ("sizes", 3, "[outer]: sizes is 3; it must be tuple[int, ...]"),
        ("pair", ["a"], "[outer]: pair needs 2 values, not 1"),
        ("pair", ["a", "b"], "[outer]: pair is 'b'; it must be int"),
        ("mode", "medium", "[outer]: mode is 'medium'; it must be one of fast, slow"),
        ("mode", ["fast"], "[outer]: mode is ['fast']; it must be one of fast, slow"),
        ("bits", 8, "[outer]: bits is 8; it must be one of 1, 16"),
        ("bits", True, "[outer]: bits is True; it must be one of 1, 16"),
        ("modes", ["fast", "medium"], "[outer]: modes is 'medium'; it must be one of fast, slow"),
        ("inner", 3, "[outer]: inner is 3; it must be a table"),
        ("extra", 3, "[outer]: extra is 3; it must be dict[str, typing.Any]"),
    ],
)
def test_an_invalid_value_is_named_with_the_allowed_ones(key, value, sentence):
    assert refusal({"rate_hz": 1, key: value}) == sentence


def test_a_value_that_is_not_a_table_is_refused():
    with pytest.raises(SettingsError, match=r"\[outer\] must be a table, not 3"):
        from_table(Outer, cast(dict[str, Any], 3), "[outer]")


def test_an_array_of_tables_becomes_a_tuple_of_dataclasses():
    table = tomllib.loads("rate_hz = 1\n[[part]]\nname = 'a'\n[[part]]\ngap_s = 2\n")
    assert from_table(Outer, table, "[outer]").part == (Inner(name="a"), Inner(2.0))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[part]\nname = 'a'",
            "[outer]: part must be an array of tables: write [[part]] above the keys of each",
        ),
        ("part = ['a']", "[outer]: part must be an array of tables: write [[part]] above the keys of each"),
        ("part = 'ab'", "[outer]: part must be an array of tables: write [[part]] above the keys of each"),
        (
            "[[part]]\n[[part]]\ngaps = 1",
            "[outer]: part 2 has the unknown key 'gaps'; did you mean 'gap_s'?",
        ),
        ("[[part]]\n[[part]]\nname = 1", "[outer]: part 2: name is 1; it must be str"),
        ("[[part]]\ngap_s = -1", "[outer]: part 1: gap_s is -1.0; it must be at least 0"),
    ],
)
def test_an_error_in_an_array_of_tables_states_the_number_of_the_table(text, sentence):
    assert refusal(tomllib.loads(f"rate_hz = 1\n{text}")) == sentence
