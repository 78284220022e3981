from pathlib import Path

import pytest

from imserver.config import Config, ConfigError, load


def wrong(file: Path | None = None, **environment: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(file, environment=environment)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "imserver.toml"


def test_nothing_given_is_the_defaults() -> None:
    assert load(environment={}) == Config()


def test_flags_go_before_environment_before_file_before_defaults(file: Path) -> None:
    file.write_text("drain_s = 1\n[core]\nsession_days = 1\nlog_days = 1\n")
    environment = {"IMSERVER_DRAIN_S": "2", "IMSERVER_CORE__SESSION_DAYS": "2"}
    config = load(file, environment=environment, flags={"drain_s": 3, "data_dir": None})
    assert (config.drain_s, config.core.session_days, config.core.log_days) == (3, 2, 1)
    assert config.data_dir == Config().data_dir


def test_a_list_in_the_environment_is_separated_by_commas() -> None:
    config = load(environment={"IMSERVER_LISTEN": "tcp://127.0.0.1:1, ws://[::1]:2"})
    assert config.listen == ("tcp://127.0.0.1:1", "ws://[::1]:2")


@pytest.mark.parametrize(
    ("text", "names", "near"),
    [
        ("lisen = ['tcp://127.0.0.1:1']", "lisen", "listen"),
        ("[core]\nsesion_days = 3", "core.sesion_days", "core.session_days"),
        ("session_days = 3", "session_days", "core.session_days"),
        ("[core]\nlink_ms = 3", "core.link_ms", "media.link_ms"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_one_and_the_file(
    file: Path, text: str, names: str, near: str
) -> None:
    file.write_text(text)
    assert wrong(file) == f"unknown key {names} in {file}; did you mean {near}?"


def test_an_unknown_section_is_named_with_the_nearest_one(file: Path) -> None:
    file.write_text("[cor]\nsession_days = 3")
    assert wrong(file) == f"unknown section [cor] in {file}; did you mean [core]?"


def test_an_unknown_key_that_is_like_no_other_gets_no_advice(file: Path) -> None:
    file.write_text("xyzzy = 1")
    assert wrong(file) == f"unknown key xyzzy in {file}"


def test_an_unknown_variable_is_named_with_the_nearest_one() -> None:
    text = wrong(IMSERVER_CORE__SESSION_DAY="3")
    assert text == (
        "unknown environment variable IMSERVER_CORE__SESSION_DAY; did you mean IMSERVER_CORE__SESSION_DAYS?"
    )


def test_variables_of_others_and_those_that_are_flags_are_left_alone() -> None:
    environment = {
        "IMSERVER_SERVICE_HOST": "10.0.0.1",
        "IMSERVER_PORT": "tcp://10.0.0.1:7400",
        "IMSERVER_PORT_7400_TCP_ADDR": "10.0.0.1",
        "IMSERVER_CONFIG": "x.toml",
        "IMSERVER_TOKEN": "x",
        "HOME": "/",
    }
    assert load(environment=environment) == Config()


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("drain_s = 'soon'", "drain_s (in {file}): input should be a valid number"),
        ("drain_s = -1", "drain_s (in {file}): input should be greater than or equal to 0"),
        ("drain_s = inf", "drain_s (in {file}): input should be"),
        ("listen = ['htp://127.0.0.1:1']", "listen (in {file}): 'htp://127.0.0.1:1' must begin with one of"),
        ("listen = []", "listen (in {file}): "),
        ("core = 3", "core (in {file}) is a section"),
        ("[core]\nsession_days = 0", "core: session_days must be above 0, not 0"),
        ("[core]\npresence_grace_s = nan", "core: presence_grace_s must be above 0"),
        ("[gateway]\nunsent_bytes_max = 1", "gateway: unsent_bytes_max must hold two event windows"),
        ("[log]\nlevel = 'loud'", "log.level (in {file}): input should be 'debug', 'info'"),
        ("tls_key", "{file} is not TOML: "),
    ],
)
def test_a_bad_value_is_one_line_with_key_and_place(file: Path, text: str, begins: str) -> None:
    file.write_text(text)
    assert wrong(file).startswith(begins.format(file=file))


def test_a_bad_value_from_a_variable_names_the_variable() -> None:
    assert wrong(IMSERVER_DRAIN_S="soon").startswith("drain_s (from IMSERVER_DRAIN_S): ")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "no.toml"
    assert wrong(missing) == f"cannot read the configuration {missing}: No such file or directory"


def test_a_file_that_is_not_text_is_refused(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")
    assert wrong(file).startswith(f"{file} is not TOML")


def test_many_mistakes_are_still_one_line() -> None:
    names = ("DRAIN_S", "MEDIA_QUOTA_BYTES", "CORE__LOG_DAYS", "CORE__SESSION_DAYS", "MEDIA__LINK_MS")
    text = wrong(**{f"IMSERVER_{name}": "x" for name in names})
    assert text.endswith("; and 2 more")
