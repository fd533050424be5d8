"""A mapping that cannot work refuses to start and names its key."""

from pathlib import Path
from typing import Any

import pytest

from adapters.his.registry import open_his
from front_machine.mapping import MappingRefused
from front_machine.settings import load_settings, overrides_of
from tests.services.stranger import settings, tree

ROOT = Path(__file__).parents[3]


def written(folder: Path, tree: dict[str, Any]) -> Path:
    """The tree as a TOML file. Only what these tests need of TOML."""

    def lines(branch: dict[str, Any], path: str) -> list[str]:
        plain = [f"{k} = {value(v)}" for k, v in branch.items() if not isinstance(v, dict)]
        head = [f"[{path}]"] if path else []
        below = [
            line
            for k, v in branch.items()
            if isinstance(v, dict)
            for line in lines(v, f'{path}."{k}"' if path else f'"{k}"')
        ]
        return head + plain + below

    def value(given: Any) -> str:
        if isinstance(given, str):
            return '"' + given.replace('"', '\\"') + '"'
        if isinstance(given, list):
            return "[" + ", ".join(value(one) for one in given) + "]"
        return str(given)

    file = folder / "front-machine.toml"
    file.write_text("\n".join(lines(tree, "")), "utf-8")
    return file


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"lisen__port": 1}, "lisen"),
        ({"listen__prot": 1}, "listen.prot"),
        ({"listen__allow": None}, "listen.allow"),
        ({"listen__allow": []}, "listen.allow"),
        ({"listen__allow": ["10.0.0.300"]}, "listen.allow"),
        ({"his__poll_seconds": 0.0}, "his.poll_seconds"),
        ({"his__reply_seconds": 60.0}, "his.reply_seconds"),
        ({"tables__tickets__fields__number": None}, "tables.tickets.fields.number"),
        ({"tables__tickets__fields__idcard": "SFZH"}, "tables.tickets.fields.idcard"),
        ({"tables__tickets__query": None}, "tables.tickets.query"),
        ({"tables__tickets__encoding": "gb-18031"}, "tables.tickets.encoding"),
        (
            {"tables__tickets__fields__state__codes": {"1": "waitng"}},
            "tables.tickets.fields.state.codes",
        ),
        ({"tables__tickets__fields__state__codes": {}}, "tables.tickets.fields.state.codes"),
        ({"patients__id_kinds": {"passprt": "03"}}, "patients.id_kinds.passprt"),
        ({"patients__sexes": {"m": "1"}}, "patients.sexes.m"),
        ({"patients__find__fields__patient": None}, "patients.find.fields.patient"),
        ({"patients__find__fields__phone": "DH"}, "patients.find.fields.phone"),
        ({"patients__find__query": "SELECT ID, XM FROM BR"}, "patients.find.query"),
        ({"patients__create__statement": "INSERT INTO JD VALUES (:name)"}, "patients.create.statement"),
        ({"patients__create__settle__fields__outcome": None}, "patients.create.settle.fields.outcome"),
        (
            {"patients__bind_health_card__settle__query": "SELECT ZT FROM BK"},
            "patients.bind_health_card.settle.query",
        ),
        ({"tables__tickets__fields__order": {"column": "XH", "codes": {"1": "2"}}}, "order.codes"),
        ({"tables__tickets__fields__visit": {"column": "A", "form": "{B}"}}, "tables.tickets.fields.visit"),
        ({"tables__tickets__fields__visit": {"form": "{B"}}, "tables.tickets.fields.visit.form"),
        ({"tables__tickets__fields__line": {"form": "{B}"}}, "tables.tickets.fields.line"),
        ({"tables__tickets__fields__visit__colum": "A"}, "tables"),
        ({"check_in__settle__fields__outcome": None}, "check_in.settle.fields.outcome"),
    ],
)
def test_what_cannot_work_is_refused_by_its_key(tmp_path: Path, changes: dict[str, Any], key: str) -> None:
    tables = tree(tmp_path / "his.db")
    if "tables__tickets__fields__visit__colum" in changes:
        tables["tables"]["tickets"]["fields"]["visit"] = {"column": "LS", "colum": "A"}
    else:
        tables = tree(tmp_path / "his.db", **changes)
    with pytest.raises(MappingRefused) as refused:
        load_settings(written(tmp_path, tables), environment={})
    assert key in refused.value.key


def test_passwords_come_from_the_environment(tmp_path: Path) -> None:
    file = written(tmp_path, tree(tmp_path / "his.db", his__link__url="mysql+pymysql://r:${HIS_PW}@h/d"))
    loaded = load_settings(file, environment={"HIS_PW": "s3cret"})
    assert loaded.his.link["url"] == "mysql+pymysql://r:s3cret@h/d"
    with pytest.raises(MappingRefused, match=r"his\.link\.url: the environment has no HIS_PW"):
        load_settings(file, environment={})


def test_overrides_win_and_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, tree(tmp_path / "his.db"))
    overrides = overrides_of(["listen.port=9443", "his.link.url=sqlite:////his.db", "tls.ca=/etc/ca.crt"])
    loaded = load_settings(file, environment={}, overrides=overrides)
    assert loaded.listen.port == 9443
    assert loaded.his.link["url"] == "sqlite:////his.db"
    assert loaded.tls.ca == "/etc/ca.crt"
    assert loaded.tls.key == str(tmp_path / "front-machine.key")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"his__transport": "soap"}, "his.transport"),
        ({"his__link": {}}, "his.link.url"),
        ({"his__link__thread": 2}, "his.link.thread"),
        ({"his__link__url": "not a url"}, "his.link.url"),
        ({"his__link__url": "nosuch+driver://h/d"}, "his.link.url"),
    ],
)
def test_the_transport_checks_its_own_keys(tmp_path: Path, changes: dict[str, Any], key: str) -> None:
    with pytest.raises(MappingRefused) as refused:
        open_his(settings(tmp_path / "his.db", **changes).his)
    assert refused.value.key == key


@pytest.mark.parametrize("name", ["front-machine.demo.toml", "front-machine.example.toml"])
def test_the_files_we_ship_are_good(name: str) -> None:
    loaded = load_settings(ROOT / "conf" / name, environment={"HIS_PASSWORD": "x"})
    assert loaded.tables.tickets.fields["state"]
