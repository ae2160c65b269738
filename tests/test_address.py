"""An address is a path or a URL: which engine it names, what the map is called, and that no password is shown."""

import pytest

from viewfix.errors import BadInput
from viewfix.store.store import Address, Store


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
        ("milvus://host/city?token=secret", "milvus://host/city?token=***"),
        ("maps/a:b@c.map", "maps/a:b@c.map"),
    ],
)
def test_an_address_is_shown_without_its_password(text: str, shown: str) -> None:
    assert str(Address.of(text)) == shown


def test_a_comma_parts_urls_only_where_another_begins() -> None:
    urls = Address.of("postgresql://a,b/db?map=c,postgresql://d/db?map=c").urls
    assert urls == ["postgresql://a,b/db?map=c", "postgresql://d/db?map=c"]


def test_a_url_of_no_engine_is_refused_in_one_line() -> None:
    for ask in (Store.open, Store.exists):
        with pytest.raises(BadInput, match="ftp://, which no engine of viewfix serves"):
            ask("ftp://host/city")


def test_an_address_in_a_command_can_be_typed_as_it_stands() -> None:
    assert Address.of("maps/home.map").typed == "maps/home.map"
    assert Address.of("postgresql://me:x@host/db?map=c").typed == "'postgresql://me:***@host/db?map=c'"
    assert Address.of("my maps/home.map").typed == "'my maps/home.map'"
