"""Scenarios: those that come along are valid, and a mistake is told with its key and what to write."""

from pathlib import Path

import pytest

from imload.library import find_scenario, scenarios
from imload.scenario_file import ScenarioError, load_scenario, parse_scenario


def complaint_of(text: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, name="x.toml")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("x.toml")
    return message


@pytest.mark.parametrize("name", [name for name, _ in scenarios()])
def test_scenarios_that_come_along_are_valid_and_say_what_they_are(name: str) -> None:
    assert find_scenario(name).name == name
    assert len(dict(scenarios())[name]) > 20


def test_empty_file_is_a_scenario_of_defaults() -> None:
    assert parse_scenario("").population.sessions == 100


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sekonds = 3", "unknown key sekonds; did you mean seconds?"),
        ("[population]\ncustomer = 3", "unknown key population.customer; did you mean customers?"),
        ("[[churn]]\nmodel = 'lift'\nevry_s = 3", "unknown key churn.1.evry_s; did you mean every_s?"),
        ("seconds = -1", "seconds: input should be greater than 0, not -1"),
        ("[population]\ncustomers = 'many'", "population.customers: "),
        ("[messages]\nmix = { text = 1, poem = 2 }", "messages.mix.poem: "),
        ("[messages]\nmix = { text = 0 }", "messages.mix: at least one kind"),
        ("[messages]\ntext_bytes = [9, 3]", "messages.text_bytes: the first must not be above the second"),
        ("[[churn]]\nmodel = 'elevator'", "churn.1.model: "),
        ("[[churn]]\nmodel = 'trace'", "takes either file or carrier"),
        ("[[churn]]\nmodel = 'lift'\nshare = 0.7\n[[churn]]\nmodel = 'doze'\nshare = 0.7", "churn.share"),
        ("seconds = 5\n[[storms]]\nat_s = 9", "storms.at_s: 9 is after the end, seconds = 5"),
        ("transport = 'quic'", "transport: "),
        ("[population", "is not TOML"),
    ],
)
def test_mistake_is_one_line_that_names_the_key(text: str, said: str) -> None:
    assert said in complaint_of(text)


def test_files_are_looked_for_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[[churn]]\nmodel = 'trace'\nfile = 'drive.up'")
    assert load_scenario(tmp_path / "a.toml").churn[0].file == tmp_path / "drive.up"


def test_missing_file_and_unknown_name_say_so(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="cannot read"):
        load_scenario(tmp_path / "none.toml")
    with pytest.raises(ScenarioError, match="there are: "):
        find_scenario("no-such-scenario")


def test_speed_can_be_replaced() -> None:
    assert find_scenario("shop", speed=7).speed == 7
