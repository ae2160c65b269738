"""Addresses of maps: the engine of a path or URL, the name of the map, and hidden passwords."""

from pathlib import Path

import pytest

from viewfix.errors import BadInput
from viewfix.store.engines import with_statement_limit
from viewfix.store.milvus.url import MilvusUrl
from viewfix.store.store import Address, ModelIdentity, Store


@pytest.mark.parametrize(
    ("text", "scheme", "name", "stem"),
    [
        ("maps/home.map", "", "home.map", "home"),
        ("home", "", "home", "home"),
        ("postgresql://host/db?map=city", "postgresql", "city", "city"),
        ("postgresql://host/db?sslmode=require&map=old%20town", "postgresql", "old town", "old town"),
        ("postgresql://a/db?map=city,postgresql://b/db?map=city", "postgresql", "city", "city"),
        ("milvus://host:19530/city", "milvus", "city", "city"),
        ("milvus://host:19530", "milvus", "milvus", "milvus"),
        ("C:\\maps\\home.map", "", "C:\\maps\\home.map", "C:\\maps\\home"),
    ],
)
def test_an_address_names_an_engine_and_a_map(text: str, scheme: str, name: str, stem: str) -> None:
    address = Address.of(text)
    assert (address.scheme, address.name, address.stem) == (scheme, name, stem)
    assert (address.file is None) == bool(scheme)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:secret@host/db?map=city", "postgresql://me:***@host/db?map=city"),
        ("postgresql://me:p@ss@host/db", "postgresql://me:***@host/db"),
        ("postgresql://host/db?user=me&password=secret&map=c", "postgresql://host/db?user=me&password=***&map=c"),
        (
            "postgresql://a:one@x/db?map=c,postgresql://b:two@y,z/db?map=c",
            "postgresql://a:***@x/db?map=c,postgresql://b:***@y,z/db?map=c",
        ),
        ("postgresql://me:se/cret@host/db?map=c", "postgresql://me:***@host/db?map=c"),
        ("postgresql://me:se cret%zz@host/db?map=c", "postgresql://me:***@host/db?map=c"),
        ("postgresql://me:se?cret@host/db?map=c", "postgresql://me:***@host/db?map=c"),
        ("postgresql://me:x?y=secret@host/db?map=c", "postgresql://me:***@host/db?map=c"),
        ("postgresql://me:secret/db?map=c", "postgresql://me:***?map=c"),
        ("postgresql:me:secret@host/db", "postgresql:me:***@host/db"),
        ("postgresql://host/db?password=sec ret&map=c", "postgresql://host/db?password=***&map=c"),
        ("postgresql://host:5432,other:5433/db?map=c&user=a@b", "postgresql://host:5432,other:5433/db?map=c&user=a@b"),
        ("postgresql://[::1]:5432/db?map=c", "postgresql://[::1]:5432/db?map=c"),
        (
            "milvus://host/city?records=postgresql%3A%2F%2Fme%3Asecret%40host%2Fdb",
            "milvus://host/city?records=postgresql://me:***@host/db",
        ),
        (
            "milvus://host/city?records=postgresql://me:sec/ret@host/db?map=x",
            "milvus://host/city?records=postgresql://me:***@host/db?map=x",
        ),
        ("milvus://host/city?token=secret", "milvus://host/city?token=***"),
        ("maps/a:b@c.map", "maps/a:b@c.map"),
    ],
)
def test_an_address_is_shown_without_its_password(text: str, shown: str) -> None:
    assert str(Address.of(text)) == shown


def test_a_comma_separates_urls_only_where_another_begins() -> None:
    urls = Address.of("postgresql://a,b/db?map=c,postgresql://d/db?map=c").urls
    assert urls == ["postgresql://a,b/db?map=c", "postgresql://d/db?map=c"]


def test_a_url_with_an_unknown_scheme_is_refused_in_one_line() -> None:
    for ask in (Store.open, Store.exists):
        with pytest.raises(BadInput, match="ftp://, which viewfix does not support"):
            ask("ftp://host/city")


def test_an_address_in_a_suggested_command_can_be_pasted() -> None:
    assert Address.of("maps/home.map").typed == "maps/home.map"
    assert Address.of("postgresql://me:x@host/db?map=c").typed == "'postgresql://me:***@host/db?map=c'"
    assert Address.of("my maps/home.map").typed == "'my maps/home.map'"


@pytest.mark.parametrize("password", ["sec/ret", "sec ret", "sec%zzret", "sec@ret", "sec?ret", "sec#ret", "50%secret"])
@pytest.mark.parametrize(
    "url",
    ["postgresql://me:{}@host/db?map=c", "postgresql://h/db?map=c,postgresql://me:{}@host/db?map=c", "milvus://me:{}@host/city"],
)  # fmt: skip
def test_a_password_that_is_not_percent_encoded_is_refused_without_being_shown(url: str, password: str) -> None:
    for ask in (Store.open, Store.exists, lambda place: Store.create(place, ModelIdentity("toy", "f", 8))):
        with pytest.raises(BadInput, match="percent-encoded") as error:
            ask(url.format(password))
        assert "sec" not in str(error.value).replace("sec.", "") and "ret" not in str(error.value).split("Write it")[0]
        assert "\n" not in str(error.value)


def test_a_password_that_a_server_repeats_is_not_shown() -> None:
    address = Address.of("postgresql://me:s%40cret@host/db?map=c&password=other")
    said = 'password "s@cret" (s%40cret) of me is not "other", but another'
    assert address.without_secrets(said) == 'password "***" (***) of me is not "***", but another'


@pytest.mark.parametrize("text", ["postgresql:x", "postgres:host/db?map=c", "milvus:city", "PostgreSQL:x"])
def test_a_url_without_slashes_is_not_a_file(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for ask in (Store.open, Store.exists, lambda place: Store.create(place, ModelIdentity("toy", "f", 8))):
        with pytest.raises(BadInput, match="is not a URL: // is missing"):
            ask(text)
    assert not list(tmp_path.iterdir())
    Store.create(f"./{text.replace('/', '')}", ModelIdentity("toy", "f", 8)).close()


@pytest.mark.parametrize(
    "records, limited",
    [
        ("postgresql://h/db?map=a", "postgresql://h/db?map=a&options=-c%20statement_timeout%3D1500"),
        ("postgresql://h/db?map=a&options=-c%20x", "postgresql://h/db?map=a&options=-c%20x"),
        ("city.map", "city.map"),
    ],
)
def test_a_time_limit_of_statements_reaches_records_behind_milvus(records: str, limited: str) -> None:
    assert with_statement_limit(Address(records), 1.5) == Address(limited)
    place = MilvusUrl.of(
        with_statement_limit(Address(f"milvus://me:p%40ss@h:1/city?index=hnsw&records={records}"), 1.5)
    )
    assert (place.records.text, place.index, place.token, place.uri) == (limited, "hnsw", "me:p@ss", "http://h:1")
