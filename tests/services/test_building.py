"""viewfix build MAP SPEC: pictures pass through; again, what is new is added and what is gone is marked."""

from __future__ import annotations

import contextlib
import json
import pickle
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Toy
from drawn import saved, scene

from viewfix import BadInput, Map, ServiceOptions, open_service
from viewfix.cli import run
from viewfix.embed.describe import Described
from viewfix.embed.gone import gone
from viewfix.embed.ray import Cluster, driver
from viewfix.locate.verify import Verifier

from .conftest import drawn, street_of
from .fake import Fake, Request, Response, reply

Out = pytest.CaptureFixture[str]


def left_over(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_a_map_is_built_and_no_picture_stays(fake: Fake, panoramax: str, tmp_path: Path, toy: Toy) -> None:
    with Map.build(tmp_path / "a.map", panoramax, model=toy) as city:
        assert str(city.last_added) == "12 added, 0 already there, 0 skipped"
        assert next(city.photos()).attribution == "Panoramax, Ada"
    assert set(fake.downloads().values()) == {1} and not left_over(tmp_path)


def test_a_panorama_is_downloaded_once_for_all_its_views(fake: Fake, panoramax: str, tmp_path: Path, toy: Toy) -> None:
    sphere = saved(scene(256, 128))
    fake.pictures = [p.moved(panorama=True, content=sphere) for p in street_of(20, content=sphere)]
    with Map.build(tmp_path / "a.map", panoramax, model=toy) as city:
        assert len(city) == 160
    assert set(fake.downloads().values()) == {1} and not left_over(tmp_path)


def test_building_again_adds_what_is_new_and_marks_what_is_gone(
    fake: Fake, panoramax: str, tmp_path: Path, toy: Toy
) -> None:
    Map.build(tmp_path / "a.map", panoramax, model=toy).close()
    missing, changed = fake.pictures[2], fake.pictures[3]
    fake.pictures = [*fake.pictures[:2], *fake.pictures[3:], *street_of(14)[12:]]
    fake.pictures[2] = changed.moved(content=drawn(77), updated="2025-01-01T00:00:00+00:00")
    fake.pictures[5] = fake.pictures[5].moved(licence="CC0-1.0")
    fake.requests.clear()
    with Map.build(tmp_path / "a.map", panoramax, model=toy) as city:
        assert str(city.last_added) == "2 added, 2 replaced, 9 already there, 0 skipped, 1 gone"
        assert city.last_added.gone == [f"panoramax/{missing.uuid}"]
        assert len(city) == 14  # what is gone stays until it is removed
        assert list(gone(city.store)) == [f"panoramax/{missing.uuid}"]
        assert {p.licence for p in city.photos()} == {"CC-BY-SA-4.0", "CC0-1.0"}
    assert sum(fake.downloads().values()) == 3
    fake.pictures.append(missing)
    with Map.build(tmp_path / "a.map", panoramax, model=toy) as city:
        assert not city.last_added.gone and not gone(city.store)


def test_only_what_the_spec_covers_can_be_gone(fake: Fake, panoramax: str, tmp_path: Path, toy: Toy) -> None:
    Map.build(tmp_path / "a.map", panoramax, model=toy).close()
    fake.pictures, all_of_them = fake.pictures[:3], fake.pictures
    elsewhere = panoramax.replace("60.16,24.93,60.18", "60.16,24.93,60.1701")
    options = ServiceOptions(until=date(2020, 1, 1))
    with Map.open(tmp_path / "a.map", model=toy) as city:
        assert not city.add(elsewhere).gone
        assert not city.add(open_service(panoramax, options)).gone
        assert len(city.add(open_service(panoramax, ServiceOptions(max_photos=1))).gone) == 9
    unusable = all_of_them[5].moved(lat=0.0, lon=0.0)
    fake.fault = lambda request: reply({"features": [fake.item(p) for p in [*fake.pictures, unusable]]})
    with Map.open(tmp_path / "a.map", model=toy) as city:
        assert len(city.add(panoramax).gone) == 8  # what is listed without a position is not gone
    other = Fake()
    other.pictures = all_of_them[:1]
    with Map.open(tmp_path / "a.map", model=toy) as city:
        assert not city.add(panoramax.replace(fake.url, other.url)).gone  # another instance lists other pictures
    other.close()


def test_gone_photos_are_shown_and_removed_on_the_command_line(
    fake: Fake, panoramax: str, tmp_path: Path, capsys: Out
) -> None:
    path = str(tmp_path / "a.map")
    assert run(["build", path, panoramax, "-q"]) == 0
    victim = f"panoramax/{fake.pictures.pop(0).uuid}"
    capsys.readouterr()
    assert run(["build", path, panoramax, "-q"]) == 0
    said = capsys.readouterr()
    assert "0 added, 11 already there, 0 skipped, 1 gone" in said.out
    assert f"1 photo of the map, such as {victim}, is gone from the service; remove" in said.err
    assert run(["info", path, "--gone"]) == 0
    assert f"gone {victim}: not listed by its service since 20" in capsys.readouterr().out
    assert run(["info", path, "--gone", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["gone"] == 1 and facts["gone_photos"][0]["id"] == victim
    assert run(["remove", path, "--gone"]) == 0
    assert capsys.readouterr().out == "1 removed, 11 left\n"
    assert run(["remove", path, "--gone"]) == 0
    assert "No photo of" in capsys.readouterr().out
    assert run(["remove", path]) == 2
    assert "No photo was named. Pass ids, or --gone" in capsys.readouterr().err


def test_a_service_that_goes_down_half_way_loses_nothing(fake: Fake, panoramax: str, tmp_path: Path, toy: Toy) -> None:
    fake.pictures = street_of(90)

    def down(request: Request) -> Response | None:
        return Response(200, b"x" * 99, cut_after=1) if sum(fake.downloads().values()) > 70 else None

    fake.fault = down
    spec = panoramax.replace("60.18", "60.19")
    with pytest.raises(BadInput, match="could not be reached"):
        Map.build(tmp_path / "a.map", spec, model=toy)
    with Map.open(tmp_path / "a.map", model=toy) as city:
        in_map = len(city)
    assert in_map >= 60
    fake.fault = None
    before = fake.downloads()
    fake.requests.clear()
    with Map.build(tmp_path / "a.map", spec, model=toy) as city:
        assert len(city) == 90 and city.last_added.unchanged == in_map
    arrived = 70
    assert sum(before.values()) >= arrived and sum(fake.downloads().values()) == 90 - arrived
    assert not left_over(tmp_path)


def test_a_killed_run_leaves_its_pictures_for_the_next(
    fake: Fake, panoramax: str, tmp_path: Path, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("viewfix.embed.ingest._commit", killed)
        with pytest.raises(Killed):
            Map.build(tmp_path / "a.map", panoramax, model=toy)
    assert len(left_over(tmp_path)) == 12
    with Map.build(tmp_path / "a.map", panoramax, model=toy) as city:
        assert len(city) == 12
    assert set(fake.downloads().values()) == {1} and not left_over(tmp_path)


def test_two_runs_at_once_do_not_disturb_each_other(fake: Fake, panoramax: str, tmp_path: Path, toy: Toy) -> None:
    first, second = open_service(panoramax), open_service(panoramax)
    first.listed()
    address = first.listed().items[0].address
    file = first.downloads.get(address)
    second.listed()
    other = second.downloads.get(address)
    assert other != file and other.read_bytes() == file.read_bytes()
    second.downloads.close(complete=False)
    assert file.exists() and not other.exists()
    first.downloads.close(complete=True)
    assert not file.exists()


def test_pictures_that_cannot_be_read_are_skipped(fake: Fake, panoramax: str, tmp_path: Path, toy: Toy) -> None:
    fake.pictures[1] = fake.pictures[1].moved(content=b"<html>")
    fake.pictures[2] = fake.pictures[2].moved(content=b"\xff\xd8\xff damaged")
    victim = fake.pictures[3].uuid
    fake.fault = lambda request: Response(404) if f"/pictures/{victim}/" in request.path else None
    with Map.build(tmp_path / "a.map", panoramax, model=toy) as city:
        reasons = {each.id: each.reason for each in city.last_added.skipped}
        assert len(city) == 9 and len(reasons) == 3
    assert "was deleted from Panoramax" in reasons[f"panoramax/{victim}"]


class Elsewhere:
    """As much of Ray as a build needs; its one worker is a machine that has none of this machine's files."""

    class exceptions:  # noqa: N801  the name of Ray's module
        class RayError(Exception):
            pass

    @staticmethod
    def cluster_resources() -> dict[str, int]:
        return {"CPU": 1}

    def remote(self, **_: object) -> Any:
        return lambda function: SimpleNamespace(remote=lambda *given: lambda: self._run(function, *given))

    def _run(self, function: Any, chunk: Any, job: Any, downloaded: dict[str, bytes]) -> Any:
        there = [replace(item, copy=item.copy and f"/elsewhere{item.copy}") for item in chunk]
        pictures = {f"/elsewhere{copy}": content for copy, content in downloaded.items()}
        results = function(*pickle.loads(pickle.dumps((there, job, pictures))))
        return [replace(r, copy=r.copy.removeprefix("/elsewhere")) if isinstance(r, Described) else r for r in results]

    def wait(self, references: list[Any], num_returns: int) -> tuple[list[Any], list[Any]]:
        return references[:1], references[1:]

    def cancel(self, reference: Any) -> None:
        pass

    def get(self, reference: Any) -> Any:
        return reference()


def test_other_machines_describe_what_this_one_downloads(
    fake: Fake, panoramax: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker asks the service for nothing: the pictures are sent along, a panorama once for all its views."""
    fake.pictures[3] = fake.pictures[3].moved(panorama=True, content=saved(scene(512, 256)))
    fake.pictures[5] = fake.pictures[5].moved(content=b"<html>")
    with Map.build(tmp_path / "here.map", panoramax) as city:
        expected = [(r.photo, r.content_hash, r.content_hint) for r in city.store.records()]
        reasons = city.last_added.skipped
    fake.requests.clear()
    monkeypatch.setattr(Cluster, "connected", lambda self: contextlib.nullcontext(Elsewhere()))
    monkeypatch.setattr(driver, "CHUNK", 5)
    with Map.build(tmp_path / "there.map", panoramax, cluster=Cluster("auto")) as city:
        assert [(r.photo, r.content_hash, r.content_hint) for r in city.store.records()] == expected
        assert city.last_added.skipped == reasons and len(expected) == 10 + 8
    assert set(fake.downloads().values()) == {1} and len(fake.downloads()) == 12 and not left_over(tmp_path)


@pytest.mark.heavy
@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_a_real_cluster_describes_what_this_machine_downloads(fake: Fake, panoramax: str, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed: pip install 'viewfix[cluster]'")
    with Map.build(tmp_path / "there.map", panoramax, cluster=Cluster("local", 1)) as city:
        assert len(city) == 12 and not city.last_added.skipped
    assert set(fake.downloads().values()) == {1} and not left_over(tmp_path)


def test_services_and_folders_may_be_mixed(fake: Fake, panoramax: str, street: Path, tmp_path: Path, toy: Toy) -> None:
    with Map.build(tmp_path / "a.map", panoramax, street, model=toy) as city:
        count = len(list(street.glob("*.jpg")))
        assert len(city) == 12 + count
        assert sum(photo.id.startswith("panoramax/") for photo in city.photos()) == 12


def test_an_area_without_pictures_makes_no_map(fake: Fake, tmp_path: Path, toy: Toy) -> None:
    with pytest.raises(BadInput, match="There are no photos in panoramax.*, so the map is empty"):
        Map.build(tmp_path / "a.map", f"panoramax+{fake.url}/api:1,2,3,2.1", model=toy)
    assert not (tmp_path / "a.map").exists()


def test_local_features_are_stored_while_the_pictures_are_there(
    fake: Fake, panoramax: str, tmp_path: Path, toy: Toy
) -> None:
    with Map.build(tmp_path / "a.map", panoramax, model=toy, local_features=True) as city:
        assert not list(city.store.local_features(Verifier(city.store).model.fingerprint).missing())
        fake.pictures += street_of(14)[12:]
        city.add(panoramax)
        assert not list(city.store.local_features(Verifier(city.store).model.fingerprint).missing())
    assert set(fake.downloads().values()) == {1} and not left_over(tmp_path)
