"""The review page of geotagging in a real browser: decisions by mouse, by keyboard and by hand."""

import json
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from viewfix import Map, Position
from viewfix.geotag.options import GeotagOptions
from viewfix.geotag.plan import Album
from viewfix.geotag.proposal import Proposal
from viewfix.geotag.review import page
from viewfix.geotag.tag import Tag


def test_photos_are_accepted_moved_and_rejected_and_the_decisions_saved(
    chromium: Browser, city: Map, street: Path, tmp_path: Path
) -> None:
    at = [photo.position for photo in city.photos()]
    files = sorted(street.glob("*.jpg"))
    placed = [
        Proposal(files[i], files[i].name, "placed", Tag(Position(at[i].lat, at[i].lon, 25.0), 90.0, 0.9), "similar")
        for i in range(3)
    ]
    unsure = Proposal(files[3], files[3].name, "unsure", None, "nothing shows where it was taken")
    album = Album(street, street, None)  # type: ignore[arg-type]  the page reads no job
    file = tmp_path / "review.html"
    file.write_text(page(album, [*placed, unsure], GeotagOptions(), city.store, (), "d.json"), encoding="utf-8")
    wrong: list[str] = []
    opened = chromium.new_page(viewport={"width": 1000, "height": 800})
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda said: wrong.append(said.text))
    opened.goto(file.as_uri())
    assert opened.inner_text("#count") == "3 accepted, 0 rejected, 1 open"
    cards = opened.locator(".item")
    cards.nth(0).get_by_role("button", name="Reject").click()
    cards.nth(1).get_by_role("textbox").fill("50.5, 20.25")
    cards.nth(1).get_by_role("textbox").press("Enter")
    cards.nth(3).get_by_role("button", name="Place on the plan").click()
    assert "Choose on the plan" in opened.inner_text("#hint")
    opened.keyboard.press("Enter")  # the middle of the plan, where its focus is now
    assert opened.inner_text("#count") == "3 accepted, 1 rejected, 0 open"
    serious = [each for each in Axe().run(opened).response["violations"] if each["impact"] in ("serious", "critical")]
    assert not serious, serious
    with opened.expect_download() as download:
        opened.click("#save")
    download.value.save_as(tmp_path / "d.json")
    assert "viewfix geotag --decisions d.json" in opened.inner_text("#after")
    opened.close()
    found = json.loads((tmp_path / "d.json").read_text(encoding="utf-8"))
    said = [(each["photo"], each["decision"], each.get("by")) for each in found["photos"]]
    names = [each.name for each in files]
    accepted = [(names[1], "accept", "hand"), (names[2], "accept", "photo"), (names[3], "accept", "hand")]
    assert said == [(names[0], "reject", None), *accepted] and found["photos"][1]["lat"] == 50.5
    assert not wrong
