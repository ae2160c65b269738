"""Photos are added and removed over HTTP: identity is the id, through every way in."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn import saved
from PIL import Image
from spheres import gpano
from starlette.testclient import TestClient

from viewfix import Map
from viewfix.server.photo_files import PhotoFiles

from .client import jpeg, problem

Writable = tuple[TestClient, dict[str, str], Path]


def drawn(seed: int, quality: int = 95) -> bytes:
    """A picture unlike any other."""
    small = np.random.default_rng(seed).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    into = io.BytesIO()
    Image.fromarray(small).resize((320, 240), Image.Resampling.BICUBIC).save(into, "JPEG", quality=quality)
    return into.getvalue()


def stored(client: TestClient) -> dict[str, tuple[float, float]]:
    """The ids of the map and where their photos were taken."""
    with client.app.state.context.maps.get(None).use() as city:  # type: ignore[attr-defined]
        return {p.id: (p.position.lat, p.position.lon) for p in city.photos()}


def add(writable: Writable, content: bytes, **fields: str) -> Any:
    client, key, _ = writable
    answer = client.post("/v1/photos", files={"photo": ("x.jpg", content)}, data=fields, headers=key)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_photo_is_added_found_and_removed(writable: Writable, town: Any) -> None:
    client, key, folder = writable
    view = town.render(town.map_views(step_m=30)[1], width_px=320, height_px=240)
    into = io.BytesIO()
    Image.fromarray(np.asarray(view)[:, ::-1]).save(into, "JPEG", quality=95)
    said = {"lat": "49.5", "lon": "19.5", "heading_deg": "370", "licence": "CC0", "attribution": "Eve"}
    answer = client.post("/v1/photos", files={"photo": ("../../evil.jpg", into.getvalue())}, data=said, headers=key)
    assert answer.status_code == 201 and answer.json()["added"] == 1
    photo_id = answer.json()["id"]
    [kept] = [path for path in folder.rglob("*.jpeg") if path.is_file()]
    assert kept.is_relative_to(folder) and "evil" not in kept.name
    again = client.post("/v1/photos", files={"photo": ("x", into.getvalue())}, data=said, headers=key)
    assert again.json()["unchanged"] == 1
    found = client.post("/v1/locate?verify=off", content=into.getvalue(), headers=key).json()
    best = found["properties"]["candidates"][0]
    assert best["id"] == photo_id and best["heading_deg"] == 10.0 and best["attribution"] == "Eve"
    assert client.get(f"/v1/photos/{photo_id}/thumbnail", headers=key).status_code == 200
    assert client.delete("/v1/photos", params={"id": photo_id}, headers=key).json() == {"removed": 1}
    assert problem(client.delete("/v1/photos", params={"id": photo_id}, headers=key))[:2] == (404, "no_such_photo")


def test_the_id_that_is_answered_is_the_id_that_is_stored(writable: Writable) -> None:
    client, key, _ = writable
    before = stored(client)
    for number, photo_id in enumerate(["02.jpg", "a2/02.jpg", "ü 😀/&?#.jpg", "../x.jpg", "%2e%2e"]):
        said = add(writable, drawn(number), id=photo_id, lat="10", lon=str(number))
        assert said == {"id": photo_id, "ids": [photo_id], "added": 1, "replaced": 0, "unchanged": 0}
        assert stored(client)[photo_id] == (10.0, float(number))
    own = add(writable, drawn(99), lat="10", lon="50")
    assert stored(client)[own["id"]] == (10.0, 50.0)
    assert len(stored(client)) == len(before) + 6
    for photo_id in ("02.jpg", "ü 😀/&?#.jpg", own["id"]):
        assert client.delete("/v1/photos", params={"id": photo_id}, headers=key).status_code == 200
        assert photo_id not in stored(client)
    assert stored(client).keys() == before.keys() | {"a2/02.jpg", "../x.jpg", "%2e%2e"}


def test_a_new_picture_under_an_id_replaces_the_old_one(writable: Writable) -> None:
    client, key, _ = writable
    before = stored(client)
    name = next(iter(before))  # one that a folder brought in
    assert add(writable, drawn(1), id=name, lat="10", lon="1")["replaced"] == 1
    assert add(writable, drawn(2), id=name, lat="10", lon="2")["replaced"] == 1
    assert add(writable, drawn(2), id=name, lat="10", lon="3")["replaced"] == 1, "the same picture, elsewhere"
    assert add(writable, drawn(2), id=name, lat="10", lon="3")["unchanged"] == 1
    assert stored(client) == {**before, name: (10.0, 3.0)}
    best = client.post("/v1/locate?verify=off&k=1", content=drawn(2), headers=key).json()
    [candidate] = best["properties"]["candidates"]
    assert candidate["id"] == name and candidate["position"]["lon"] == 3.0


def test_one_picture_may_lie_under_two_ids(writable: Writable) -> None:
    client, key, _ = writable
    assert add(writable, drawn(1), id="a", lat="10", lon="1")["added"] == 1
    assert add(writable, drawn(1), id="b", lat="10", lon="2")["added"] == 1
    assert client.delete("/v1/photos?id=a", headers=key).status_code == 200
    assert stored(client)["b"] == (10.0, 2.0) and "a" not in stored(client)


def test_what_is_added_is_what_a_build_would_store(writable: Writable, tmp_path: Path) -> None:
    """The same bytes, position and model: the same descriptor, so that adding the file again changes nothing."""
    client, _, folder = writable
    said = add(writable, drawn(5), lat="10", lon="5")
    [file] = folder.rglob("*.jpeg")
    manifest = tmp_path / "one.csv"
    manifest.write_text(f"id,path,lat,lon\n{said['id']},{file},10,5\n")
    context = client.app.state.context  # type: ignore[attr-defined]
    served = context.maps.get(None)
    with served.writing, Map.open(served.address) as city:  # the service calibrates the map in the background
        added = city.add(manifest)
    assert (added.added, added.replaced, added.unchanged) == (0, 0, 1), added


def panorama(width_px: int = 512, height_px: int = 256, **told: object) -> bytes:
    """A drawn sphere, with these properties of GPano."""
    small = np.random.default_rng(width_px).integers(0, 256, (8, 16, 3)).astype(np.uint8)
    picture = Image.fromarray(small).resize((width_px, height_px), Image.Resampling.BICUBIC)
    return saved(picture, xmp=gpano(**told) if told else b"")


def test_a_panorama_is_cut_into_the_views_that_a_build_makes(writable: Writable, tmp_path: Path) -> None:
    client, key, folder = writable
    before = stored(client)
    data = panorama(ProjectionType="equirectangular", PoseHeadingDegrees=40)
    said = add(writable, data, id="square.jpg", lat="10", lon="5")
    views = [f"square.jpg#yaw={yaw}" for yaw in range(0, 360, 45)]
    assert said["ids"] == views and (said["added"], said["replaced"], said["unchanged"]) == (8, 0, 0)
    assert stored(client).keys() == before.keys() | set(views)
    assert add(writable, data, id="square.jpg", lat="10", lon="5")["unchanged"] == 8
    [file] = folder.rglob("*.jpeg")
    manifest = tmp_path / "one.csv"
    manifest.write_text(f"id,path,lat,lon,heading_deg\nsquare.jpg,{file},10,5,40\n")
    served = client.app.state.context.maps.get(None)  # type: ignore[attr-defined]
    with served.writing, Map.open(served.address) as city:
        added = city.add(manifest)
        headings = [photo.heading_deg for photo in city.photos() if photo.id in views]
    assert (added.added, added.replaced, added.unchanged) == (0, 0, 8), added
    assert headings == [(40 + yaw) % 360 for yaw in range(0, 360, 45)]
    assert client.delete("/v1/photos?id=square.jpg", headers=key).json() == {"removed": 8}
    assert stored(client) == before


def test_a_photo_replaces_the_views_of_a_panorama_of_its_id_and_the_other_way_round(writable: Writable) -> None:
    client, key, _ = writable
    before = stored(client)
    sphere = panorama(ProjectionType="equirectangular")
    assert add(writable, drawn(1), id="p", lat="10", lon="1")["ids"] == ["p"]
    as_views = add(writable, sphere, id="p", lat="10", lon="1")
    assert (as_views["added"], as_views["replaced"]) == (7, 1)
    assert len(stored(client)) == len(before) + 8 and "p" not in stored(client)
    as_one = add(writable, drawn(1), id="p", lat="10", lon="1")
    assert (as_one["added"], as_one["replaced"]) == (0, 1)
    assert stored(client).keys() == before.keys() | {"p"}
    whole = add(writable, sphere, id="q", lat="10", lon="2", panorama="no")
    assert whole["ids"] == ["q"], "used as it is"
    assert client.delete("/v1/photos?id=p%23yaw%3D0", headers=key).status_code == 404


def test_the_shape_of_a_panorama_alone_is_a_question(writable: Writable) -> None:
    client, key, folder = writable
    sphere, at = panorama(2048, 1024), {"lat": "10", "lon": "1"}

    def refused(content: bytes, **fields: str) -> tuple[int, str, str]:
        return problem(client.post("/v1/photos", files={"photo": content}, data=at | fields, headers=key))

    status, code, line = refused(sphere)
    assert (status, code) == (400, "is_it_a_panorama") and "2048 x 1024" in line and "panorama=yes or no" in line
    assert refused(drawn(1), panorama="yes")[:2] == (422, "not_a_panorama")
    assert refused(drawn(1), panorama="maybe")[:2] == (400, "bad_field")
    sliver = {"FullPanoWidthPixels": 8192, "FullPanoHeightPixels": 4096, "CroppedAreaTopPixels": 0}
    sliver |= {"CroppedAreaLeftPixels": 0, "CroppedAreaImageWidthPixels": 512, "CroppedAreaImageHeightPixels": 256}
    assert refused(panorama(ProjectionType="equirectangular", **sliver))[:2] == (422, "not_a_panorama")
    assert not list(folder.rglob("*.jpeg"))
    assert len(add(writable, sphere, panorama="yes", **at)["ids"]) == 8


@pytest.mark.parametrize(
    ("fields", "line"),
    [({}, "no GPS position"), ({"lat": "49"}, "lon must be a number of degrees; got ''"),
     ({"lat": "x", "lon": "1"}, "lat must be a number of degrees; got 'x'"),
     ({"lat": "500000", "lon": "1"}, "WGS84 degrees"), ({"lat": "1", "lon": "1", "path": "/etc"}, "no field 'path'"),
     ({"lat": "1", "lon": "1", "headin_deg": "4"}, "Did you mean 'heading_deg'?"),
     ({"lat": "1", "lon": "1", "id": "a\nb"}, "control characters"), ({"lat": "1", "lon": "1", "id": ".."}, "id is")],
)  # fmt: skip
def test_a_photo_that_cannot_be_added_says_why(writable: Writable, fields: dict[str, str], line: str) -> None:
    client, key, folder = writable
    status, _, said = problem(client.post("/v1/photos", files={"photo": jpeg()}, data=fields, headers=key))
    assert status in (400, 422) and re.search(re.escape(line), said)
    assert not [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]


def test_a_photo_that_cannot_be_decoded_leaves_nothing(writable: Writable, photo: bytes) -> None:
    client, key, folder = writable
    half = photo[: len(photo) // 2]
    answer = client.post("/v1/photos", files={"photo": half}, data={"lat": "1", "lon": "1"}, headers=key)
    assert problem(answer)[0] == 422
    assert not [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]


def test_what_a_killed_service_left_is_deleted_at_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "town"
    (folder / "ab").mkdir(parents=True)
    names = ["lost.jpeg", "lost.jpeg.adding", "kept.jpeg", "kept.jpeg.adding", "old.jpeg", ".x.jpeg.1.part"]
    for name in names:
        (folder / "ab" / name).write_bytes(b"x")
    files, other = PhotoFiles(folder), PhotoFiles(folder)
    files.clean_up(lambda path: path.endswith("kept.jpeg"))
    left = {path.name for path in (folder / "ab").iterdir()}
    assert left == {"kept.jpeg", "old.jpeg"}, "a file without a mark may be of a photo that was removed: it stays"
    (folder / "ab" / "next.jpeg.adding").touch()
    other.clean_up(lambda path: False)
    assert (folder / "ab" / "next.jpeg.adding").exists(), "another process is adding it now"
    files.close()
