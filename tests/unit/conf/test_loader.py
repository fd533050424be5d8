"""Settings refuse to start rather than mean something else."""

from pathlib import Path

import pytest

from conf.loader import SettingsRefused, judge_for_many_processes, load

HOSPITAL = 'profile = "embedded"\n[hospital]\nname = { zh = "甲", en = "A" }\n'


def written(folder: Path, text: str) -> Path:
    file = folder / "houzhen.toml"
    file.write_text(text, "utf-8")
    return file


def test_the_embedded_profile_needs_nothing(tmp_path: Path) -> None:
    settings = load(overrides={"data": str(tmp_path)}, environment={})
    assert settings.profile == "embedded"
    assert settings.storage.url == f"sqlite:///{tmp_path}/houzhen.db"
    assert settings.broker.url == "memory:"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (HOSPITAL + "[web]\nprot = 1\n", "web.prot: unknown key"),
        (HOSPITAL + "colour = 1\n", "hospital.colour: unknown key"),
        (HOSPITAL + '[web]\nport = "x"\n', "web.port: Expected `int`"),
        (HOSPITAL + "[web]\nport = 70000\n", "web.port"),
        (HOSPITAL + "[web]\nprocesses = 0\n", "web.processes"),
        (HOSPITAL + '[storage]\nurl = "postgres://x"\n', "storage.url"),
        (HOSPITAL + '[broker]\nurl = ["redis://x", "nats://x"]\n', "broker.url"),
        (HOSPITAL + '[broker]\nurl = ["memory:", "redis://x"]\n', "broker.url"),
        (HOSPITAL + '[broker]\nurl = "nats://x"\n', "broker.url"),
        ('profile = "embedded"\n', "hospital"),
        (HOSPITAL + 'front_machine = "http://x"\n', "hospital.front_machine"),
        (
            HOSPITAL + '[[screens]]\nid = "s"\nkind = "hall"\ntitle = { zh = "厅", en = "Hall" }\n',
            "screens.s: shows nothing",
        ),
        (
            HOSPITAL.replace("embedded", "production") + "[demo]\nenabled = true\n",
            "demo.enabled",
        ),
        (HOSPITAL + "[patients]\nper_account = 0\n", "patients.per_account: must be 1 to 40"),
        (HOSPITAL + '[health_card]\nprovider = "tencent"\n', "health_card.address: must begin with https"),
        (
            HOSPITAL + '[health_card]\nprovider = "provincial"\naddress = "https://x"\n',
            "health_card.app: is needed",
        ),
        (HOSPITAL + '[health_card]\nissuer = "a:b"\n', "health_card.issuer: must be"),
        (HOSPITAL + "[health_card]\ncode_seconds = 5\n", "health_card.code_seconds: must be 20"),
        (
            HOSPITAL.replace("embedded", "production") + '[health_card]\nprovider = "offline"\n',
            "health_card.provider: offline",
        ),
        (HOSPITAL + "[retention]\nhistory_days = 29\n", "retention.history_days: must be 30"),
        (HOSPITAL + "[retention]\ntickets_days = 1\n", "retention.tickets_days: must be 2"),
        (HOSPITAL + "[retention]\noutbox_days = 0\n", "retention.outbox_days: must be 1"),
        ("profile = [", "not TOML"),
    ],
)
def test_what_cannot_work_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsRefused) as refused:
        load(written(tmp_path, text), environment={})
    assert named in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=r"nothing\.toml"):
        load(tmp_path / "nothing.toml", environment={})


def test_environment_beats_file_and_flags_beat_environment(tmp_path: Path) -> None:
    file = written(tmp_path, HOSPITAL + "[web]\nport = 1\n")
    environment = {"HOUZHEN_WEB__PORT": "2", "HOUZHEN_WEB__HOST": "10.0.0.1", "HOUZHEN_X": "y"}
    assert load(file, environment=environment).web.port == 2
    assert load(file, environment=environment).web.host == "10.0.0.1"
    assert load(file, overrides={"web.port": 3}, environment=environment).web.port == 3


def test_several_processes_need_a_broker_between_them(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=r"broker\.url"):
        judge_for_many_processes(load(written(tmp_path, HOSPITAL), environment={}))
