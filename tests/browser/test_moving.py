"""A moving camera on the page: the live camera, films and photos in a row, and the path that is drawn."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, Route, WebSocketRoute, expect

from . import serving
from .conftest import QUIET, executable
from .test_page import WIDER, Visit

pytest.importorskip("fastapi", reason="the page is served by the extra [server]")
WEB = Path(__file__).parents[2] / "viewfix" / "web"
pytestmark = pytest.mark.skipif(
    not (WEB / "vendor" / "made-from.sha256").exists(), reason="viewfix was built without the libraries of its page"
)
LONG_MS = 120_000  # the machine may be busy with other tests
TAKEN = 0x9003


@pytest.fixture(scope="module")
def address(real_map: Path) -> Iterator[str]:
    with serving.running(real_map) as found:
        yield found


@pytest.fixture(scope="module")
def photos(street: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four photos of a walk; their names are in another order than their times."""
    folder, made = tmp_path_factory.mktemp("walk"), []
    for second, (name, source) in enumerate(zip("dbca", sorted(street.iterdir())[2:6], strict=True)):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[TAKEN] = f"2026:06:01 10:00:{10 * second:02d}"
        made.append(folder / f"{name}.jpg")
        Image.open(source).convert("RGB").save(made[-1], exif=exif)
    return made


@pytest.fixture(scope="module")
def film(street: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of three seconds, of the street."""
    av = pytest.importorskip("av", reason="films are made with PyAV")
    path = tmp_path_factory.mktemp("film") / "walk.webm"
    with av.open(str(path), "w") as made:
        stream = made.add_stream("libvpx", rate=5)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for photo in sorted(street.iterdir())[2:5]:
            picture = Image.open(photo).convert("RGB").resize((160, 120))
            for _ in range(5):
                made.mux(stream.encode(av.VideoFrame.from_image(picture)))
        made.mux(stream.encode())
    return path


@pytest.fixture
def visit(chromium: Browser, address: str) -> Iterator[Visit]:
    settings: dict[str, Any] = {
        "locale": "en-US",
        "reduced_motion": "reduce",
        "viewport": {"width": 360, "height": 740},
    }
    made = Visit(chromium.new_context(**settings), address, has_map=True)
    yield made
    made.context.close()
    assert not made.complaints, f"the browser complained: {made.complaints}"


TOWER = {"id": "t", "name": "Годинникова вежа", "kind": "historic=tower", "in_s": 8.2, "side": "left",
         "distance_m": 54.0, "position": {"lat": 50.0004, "lon": 20.001}, "probability": 0.9, "link": None,
         "attribution": None}  # fmt: skip
MILL = {"id": "m", "name": "Mill", "names": {"uk": "Млин"}, "kind": "tourism=museum", "distance_m": 80.0,
        "bearing_deg": 10.0, "side": "right", "position": {"lat": 50.0, "lon": 20.0}, "links": {}}  # fmt: skip


class Tracks:
    """Answers for the routes of tracks: each a step further east, or off the map.

    `asked` holds what was sent by requests; `told` the messages on connections, and `connections` their addresses.
    Connections are closed at the frames of `closing`, by number.
    """

    def __init__(self, page: Page, lost: tuple[int, ...] = (), closing: tuple[int, ...] = ()) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self.told: list[dict[str, Any]] = []
        self.connections: list[str] = []
        self.lost, self.closing = lost, closing
        self.count = 0
        page.route("**/v1/track?*", self.answer)
        page.route_web_socket("**/v1/track/live?*", self.connected)

    def connected(self, socket: WebSocketRoute) -> None:
        self.connections.append(socket.url)
        socket.on_message(lambda message: self.heard(socket, message))

    def heard(self, socket: WebSocketRoute, message: str | bytes) -> None:
        if isinstance(message, str):
            self.told.append(json.loads(message))
        elif self.count in self.closing:
            self.closing = ()
            socket.close()
        else:
            assert message.startswith(b"\xff\xd8"), "frames are JPEGs"
            socket.send(json.dumps({**self.next(), "frame": 1, "left_out": 0}))

    def answer(self, route: Route) -> None:
        self.asked.append((route.request.url, route.request.post_data_buffer or b""))
        route.fulfill(body=json.dumps(self.next()), content_type="application/json")

    def next(self) -> dict[str, Any]:
        number, self.count = self.count, self.count + 1
        place = None if number in self.lost else {"type": "Point", "coordinates": [20.0 + 0.0002 * number, 50.0]}
        properties = {"found": place is not None, "confidence": 0.93, "p_off": 0.9 if place is None else 0.02,
                      "radius_m": 25.0 if place else None, "heading_deg": 90.0, "direction_deg": 90.0,
                      "speed_mps": 1.4, "time_s": 0, "mode": "auto", "reason": "by frames", "map": "street",
                      "took_ms": 5, "upcoming": [TOWER] if place else [], "nearby": [MILL]}  # fmt: skip
        return {"type": "Feature", "geometry": place, "properties": properties, "state": f"state-{number}"}


def accessible(page: Page, what: str) -> None:
    serious = [v for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")]
    assert serious == [], (what, [(v["id"], [n["html"] for n in v["nodes"]]) for v in serious])
    assert page.evaluate(WIDER) == [], f"{what} is wider than the screen"


def test_photos_in_a_row_are_followed_by_their_times_and_their_path_is_drawn(visit: Visit, photos: list[Path]) -> None:
    page = visit.open()
    tracks = Tracks(page)
    page.set_input_files("#choose-recording", sorted(photos))
    heading = page.locator("#content h2")
    expect(heading).to_have_text("Path of the recording", timeout=LONG_MS)
    expect(page.locator("#content [role=status]")).to_have_text("4 of 4 moments found")
    times = [float(re.findall(r"at_s=([\d.]+)", url)[0]) for url, _ in tracks.asked]
    assert [each - times[0] for each in times] == [0, 10, 20, 30]
    for number, (_, body) in enumerate(tracks.asked):
        assert (f"state-{number - 1}".encode() in body) == (number > 0), "each frame brings the state of the one before"
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as GeoJSON").click()
    saved = json.loads(Path(download.value.path()).read_text())
    assert len(saved["features"][0]["geometry"]["coordinates"][0]) == 4
    accessible(page, "the path of a recording")
    page.get_by_role("button", name="Choose another").click()
    expect(page.locator("#choose-photo")).to_be_attached()


def test_a_film_is_followed_frame_by_frame(visit: Visit, film: Path) -> None:
    page = visit.open()
    tracks = Tracks(page, lost=(1,))
    page.set_input_files("#choose-recording", film)
    expect(page.locator("#content [role=status]")).to_have_text("2 of 3 moments found", timeout=LONG_MS)
    times = [float(re.findall(r"at_s=([\d.]+)", url)[0]) for url, _ in tracks.asked]
    assert times == pytest.approx([0, 1, 2], abs=0.1)
    assert all(b"JFIF" in body for _, body in tracks.asked)


def test_a_server_without_tracks_answers_each_frame_alone(visit: Visit, photos: list[Path]) -> None:
    page = visit.open()
    page.route("**/v1/track?*", lambda route: route.fulfill(status=404, body="{}", content_type="application/json"))
    page.set_input_files("#choose-recording", photos)
    expect(page.locator("#content [role=status]")).to_contain_text("of 4 moments found", timeout=LONG_MS)


def test_a_film_that_cannot_be_played_is_refused_in_words(visit: Visit, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(500))
    page = visit.open()
    page.set_input_files("#choose-recording", broken)
    expect(page.locator(".failure")).to_contain_text("cannot play that video", timeout=LONG_MS)


@pytest.fixture(scope="module")
def camera(chromium: Browser) -> Iterator[Browser]:
    """A browser with a camera, whose sentences are kept instead of spoken."""
    arguments = [*QUIET, "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    browser = chromium.browser_type.launch(executable_path=executable(), args=arguments)
    yield browser
    browser.close()


@pytest.fixture
def filming(camera: Browser, address: str) -> Iterator[Visit]:
    context = camera.new_context(permissions=["camera"], viewport={"width": 360, "height": 740}, locale="uk")
    context.add_init_script("self.spoken = []; speechSynthesis.speak = ({ text }) => self.spoken.push(text);")
    made = Visit(context, address, has_map=True)
    yield made
    context.close()
    assert made.complaints == []


def test_the_live_camera_of_the_page_draws_its_path(filming: Visit) -> None:
    page = filming.open()
    tracks = Tracks(page, lost=(3, 4, 5))
    page.get_by_role("button", name="Камера наживо").click()
    expect(page.locator(".live-card .likely")).to_be_visible(timeout=LONG_MS)
    expect(page.locator(".live-card")).to_contain_text("Рух на схід")
    expect(page.locator(".live-coming")).to_contain_text("Годинникова вежа")
    expect(page.locator(".live-sights")).to_contain_text("Млин")
    accessible(page, "the live camera")
    page.get_by_label("Оголошувати").check()
    expect(page.locator("#said")).to_have_text("Місце втрачено. Шукаю знову …", timeout=LONG_MS)
    expect(page.locator("#said")).to_have_text("Знову знайдено", timeout=LONG_MS)
    assert len(tracks.connections) == 1 and "mode=auto" in tracks.connections[0]
    assert "language=uk" in tracks.connections[0]
    assert all("state" not in each for each in tracks.told), "the server keeps the state of a connection"
    page.locator(".moving .travel-mode").select_option("walk")
    expect(page.locator(".live-card .likely")).to_be_visible(timeout=LONG_MS)
    for _ in range(40):
        if len(tracks.connections) == 2:
            break
        page.wait_for_timeout(500)
    assert "mode=walk" in tracks.connections[-1] and len(tracks.connections) == 2
    assert len(page.evaluate("self.spoken")) <= 1, "a sight is said once"
    assert tracks.asked == []
    page.get_by_role("button", name="Вимкнути камеру").click()
    expect(page.locator("#choose-photo")).to_be_attached()
    expect(page.locator(".intake .travel-mode")).to_have_value("walk")
    count = tracks.count
    page.wait_for_timeout(2500)
    assert tracks.count <= count + 1, "nothing is sent after the camera was stopped"


def test_a_lost_connection_is_replaced_and_meanwhile_requests_go_on(filming: Visit) -> None:
    page = filming.open()
    tracks = Tracks(page, closing=(2,))
    page.get_by_role("button", name="Камера наживо").click()
    expect(page.locator(".live-card .likely")).to_be_visible(timeout=LONG_MS)
    for _ in range(40):
        if len(tracks.connections) == 2 and tracks.count > 4:
            break
        page.wait_for_timeout(500)
    assert len(tracks.asked) == 1 and b"state-1" in tracks.asked[0][1]
    assert [each.get("state") for each in tracks.told[:4]] == [None, None, None, "state-2"]


def test_a_server_without_connections_is_asked_by_requests(filming: Visit) -> None:
    page = filming.open()
    tracks = Tracks(page)
    page.evaluate("void (self.WebSocket = class { constructor() { throw new SyntaxError(); } })")
    page.get_by_role("button", name="Камера наживо").click()
    expect(page.locator(".live-card .likely")).to_be_visible(timeout=LONG_MS)
    assert tracks.asked and tracks.connections == []


def test_frames_reach_a_real_server_over_one_connection(filming: Visit) -> None:
    page = filming.open()
    with page.expect_websocket() as opened:
        page.get_by_role("button", name="Камера наживо").click()
    answers: list[dict[str, Any]] = []
    opened.value.on("framereceived", lambda data: answers.append(json.loads(data)))
    for _ in range(60):
        if len(answers) > 1:
            break
        page.wait_for_timeout(500)
    assert [each["frame"] for each in answers[:2]] == [1, 2]
    assert "properties" in answers[0] and "upcoming" in answers[0]["properties"]
