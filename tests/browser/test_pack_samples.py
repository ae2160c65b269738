"""The app's readers, in JavaScript, accept the good sample packs of docs/spec and refuse each broken one."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from viewfix.pack.app import WEB

from .static_server import served

SAMPLES = sorted((Path(__file__).parents[2] / "docs" / "spec" / "samples").glob("pack-*"))
READ = """async given => {
    const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    const [{ checkedManifest }, { verify }, { unpack }, { Photos }, { readRoads }] = await Promise.all(
        ["manifest", "install", "lzma", "photos", "roads"].map(name => import(`/phone/${name}.js`)));
    const files = Object.fromEntries(Object.entries(given).map(([path, content]) => [path, bytes(content)]));
    const json = content => JSON.parse(new TextDecoder().decode(content));
    try {
        const manifest = checkedManifest(json(files["pack.json"]));
        const whole = {};
        for (const file of manifest.files) {
            const content = files[`v-${manifest.version}/${file.file ?? file.path}`];
            if (content === undefined) throw new Error(`${file.path} is missing`);
            await verify(content.buffer, file);
            whole[file.path] = file.file ? unpack(content, file.bytes) : content;
            if (whole[file.path].length !== file.bytes) throw new Error(`${file.path} has another size`);
        }
        const photos = new Photos(whole["photos.bin"].buffer, json(whole["points.json"]), manifest);
        const roads = whole["roads.bin"] ? readRoads(whole["roads.bin"].buffer) : null;
        return [photos.count, photos.points.all.length, roads?.starts.length ?? 0, null];
    } catch (error) { return [0, 0, 0, String(error)]; } }"""


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    with served(WEB) as folder:
        opened = chromium.new_page()
        opened.goto(folder.url + "package.json")
        yield opened
        opened.close()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_the_app_reads_what_is_good_and_refuses_what_is_broken(page: Page, sample: Path) -> None:
    files = {
        path.relative_to(sample).as_posix(): base64.b64encode(path.read_bytes()).decode()
        for path in sample.rglob("*")
        if path.is_file()
    }
    count, points, edges, refused = page.evaluate(READ, files)
    if sample.name.startswith("pack-broken-"):
        assert refused, "it was read as if it were good"
    else:
        assert (count, points, refused) == (4, int(sample.name == "pack-full"), None)
        assert edges == (3 if sample.name == "pack-full" else 0)
