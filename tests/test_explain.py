"""The page behind an answer: it holds what it was given, draws no mess, and nothing in it can run or load."""

import base64
import contextlib
import io
import math
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from conftest import Toy
from PIL import Image

from viewfix import Map
from viewfix.explain.assemble import explain
from viewfix.explain.explanation import Explanation
from viewfix.explain.pairs import HIGH_PX, MOST_LINES, spread
from viewfix.explain.parts import Number, Pair
from viewfix.geo import moved
from viewfix.locate.context import MapContext
from viewfix.locate.options import QueryOptions
from viewfix.locate.query import Query
from viewfix.reports.plan import nice_length_m
from viewfix.search.open import open_search
from viewfix.types import Candidate, Fix, Photo, Position

HERE = Position(52.2053, 0.1218, 25.0)
VOID = {"meta", "img", "br", "link", "input"}
NUMBERS = (
    Number("similarity", 0.832, 2.5, 2.08, "how alike the best photo is"),
    Number("lead", 0.12, 20.0, 2.4, "how far ahead of any other place"),
    Number("inliers", 84.0, None, None, "matched points that agree"),
    Number("bias", 1.0, -1.88, -1.88, "where the sum starts"),
)


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""
    parents: tuple["Element", ...] = ()


@dataclass
class Tree(HTMLParser):
    """A page taken apart; every element that is opened must be closed, in order."""

    html: str
    elements: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.open: list[Element] = []
        self.feed(self.html)
        self.close()
        assert not self.open, f"{self.open[-1].tag} is never closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(self.elements[-1])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {k: v or "" for k, v in attrs}, parents=tuple(self.open)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1].tag == tag, f"</{tag}> closes nothing"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def all(self, tag: str, name: str | None = None) -> list[Element]:
        return [e for e in self.elements if e.tag == tag and name in (None, *e.attributes.get("class", "").split())]

    def one(self, tag: str, name: str | None = None) -> Element:
        [element] = self.all(tag, name)
        return element

    def within(self, outer: Element, tag: str) -> list[Element]:
        return [e for e in self.elements if e.tag == tag and any(parent is outer for parent in e.parents)]


def picture(width_px: int = 200, height_px: int = 150, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 3)).astype(np.uint8)


def candidate(name: str, *, east_m: float = 5.0, start: Position = HERE, **facts: object) -> Candidate:
    photo = Photo(name, f"/photos/{name}", moved(start, 90.0, east_m), heading_deg=90.0)
    return Candidate(replace(photo, **facts), 0.83)


def pair(held: Candidate, *, inliers: int = 20, matches: int = 30, **others: object) -> Pair:
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 150, (2, matches, 2)).astype(np.float32)
    whole = Pair(held, picture(seed=2), points[0], points[1], np.arange(matches) < inliers, "fundamental")
    return replace(whole, **others)


def explanation(*pairs: Pair, fix: Fix | None = None, **others: object) -> Explanation:
    found = Fix(HERE, 0.93, tuple(p.candidate for p in pairs), "0.12 ahead of any other place", heading_deg=80.0)
    around = tuple(moved(HERE, bearing, 20.0) for bearing in range(0, 360, 30))
    whole = Explanation("query.jpg", picture(), fix or found, pairs, around, 107, NUMBERS, 0.5, "Fitted on 412 photos.")
    return replace(whole, **others)


def stored(tree: Tree) -> list[bytes]:
    """The bytes of every picture of the page."""
    uris = [e.attributes["src"] for e in tree.all("img")] + [e.attributes["href"] for e in tree.all("image")]
    assert all(uri.startswith("data:image/jpeg;base64,") for uri in uris)
    return [base64.b64decode(uri.split(",")[1], validate=True) for uri in uris]


def plan_words(tree: Tree) -> str:
    return next(e.text for e in tree.all("desc") if e.attributes["id"] == "plan-desc")


def test_a_found_photo_has_its_place_radius_and_probability_as_headline() -> None:
    tree = Tree(explanation(pair(candidate("best.jpg"))).html())
    assert tree.one("h1").text == "52.205300, 0.121800, within 25 m, probability 0.93"
    assert "0.12 ahead of any other place" in tree.one("header").text
    assert [e.attributes["alt"] for e in tree.all("img")] == ["The query", "The best candidate"]
    assert tree.one("html").attributes["lang"] == "en"
    assert [e.text for e in tree.all("h2")] == [
        "Candidates compared with the query",
        "Plan",
        "Numbers behind the probability",
    ]


def test_a_photo_that_is_not_in_the_map_says_so_and_why_and_keeps_its_evidence() -> None:
    best, other = candidate("best.jpg"), candidate("other.jpg", east_m=105.0)
    fix = Fix(None, 0.12, (best, other), "the probability 0.12 is below 0.50")
    tree = Tree(explanation(pair(best), pair(other), fix=fix).html())
    assert tree.one("h1").text == "This photo is not in this map"
    assert "the probability 0.12 is below 0.50" in tree.one("header").text
    assert [e.text[1:].strip() for e in tree.all("h3")] == ["best.jpg", "other.jpg"]
    assert not tree.all("circle", "radius") and not tree.all("path", "cross")
    assert "There is no fix; the plan is centred on the best candidate" in plan_words(tree)
    first, second = tree.all("dl")
    assert "From" not in first.text, "the best candidate is not measured from itself"
    assert "From the best candidate100 m" in second.text
    assert "That is below the threshold of 0.50, so the answer is not in this map" in tree.one("main").text


def test_without_candidates_there_is_still_a_page() -> None:
    fix = Fix(None, 0.0, (), "the map has no photo in the area of the search")
    tree = Tree(explanation(fix=fix, numbers=(), least_confidence=0.0).html())
    said = tree.one("main").text
    assert "No photo of the map was compared with this one" in said
    assert "there is no place to draw. The map has 107 photos" in said
    assert "the threshold of 0.00, but the answer is not in this map" in said
    assert "Nothing was weighed" in said and "nearest candidates" not in said
    assert len(tree.all("img")) == 1 and not tree.all("svg", "plan")


def test_a_pair_is_one_drawing_of_two_pictures_joined_where_they_agree() -> None:
    tree = Tree(explanation(pair(candidate("best.jpg"), inliers=20, matches=30)).html())
    drawing = tree.one("svg", "pair")
    query, held = tree.within(drawing, "image")
    assert len(tree.within(drawing, "line")) == 20
    assert query.attributes["height"] == held.attributes["height"] == str(HIGH_PX)
    said = tree.one("dl").text
    for told in ("Similarity0.83", "Inliers20 of 30 matches", "(fundamental matrix)", "From the fix5 m"):
        assert told in said
    assert "90° (east)" in said and "all 20" in said and "the 10 matches that do not agree are not drawn" in said


def test_the_count_of_inliers_is_that_of_the_answer() -> None:
    """Matches that crowd together agree, but count less."""
    crowded = candidate("best.jpg")
    tree = Tree(explanation(pair(replace(crowded, inliers=12), inliers=20, matches=30)).html())
    assert "Inliers12 (20 of 30 matches agree, but those close together count less)" in tree.one("dl").text


def test_lines_end_on_the_matched_points_in_both_pictures() -> None:
    tall = picture(300, 960, seed=3)  # half as large in the drawing; the query, 150 high, 3.2 times
    points = np.array([[[10, 20]], [[100, 400]]], np.float32)
    held = pair(candidate("tall.jpg"), inliers=1, matches=1, picture=tall)
    held = replace(held, query_points=points[0], candidate_points=points[1])
    tree = Tree(explanation(held).html())
    at = {name: float(value) for name, value in tree.one("line").attributes.items()}
    start_px = float(tree.all("image")[1].attributes["x"])
    assert at == pytest.approx({"x1": 32.0, "y1": 64.0, "x2": start_px + 50.0, "y2": 200.0}, abs=0.06)


def test_hundreds_of_inliers_are_not_drawn_into_a_mess() -> None:
    tree = Tree(explanation(pair(candidate("best.jpg"), inliers=700, matches=900)).html())
    assert len(tree.all("line")) == MOST_LINES <= 60
    assert f"{MOST_LINES} of 700" in tree.one("dl").text
    assert "Inliers700 of 900 matches" in tree.one("dl").text


def test_the_lines_that_are_drawn_are_spread_over_the_picture() -> None:
    crowd = np.random.default_rng(0).uniform(0, 10, (500, 2))
    corners = np.array([[0, 300], [400, 0], [400, 300]])
    points = np.concatenate([crowd, corners]).astype(np.float32)
    chosen = spread(points, 10)
    assert {500, 501, 502} <= set(chosen.tolist())
    assert len(set(spread(np.zeros((99, 2), np.float32), 10).tolist())) == 10


@pytest.mark.parametrize("matches", [0, 25])
def test_a_pair_without_agreement_has_no_lines(matches: int) -> None:
    tree = Tree(explanation(pair(candidate("best.jpg"), inliers=0, matches=matches, geometry=None)).html())
    assert not tree.all("line") and len(tree.all("image")) == 2
    assert ("no matches" if matches == 0 else "0 of 25 matches") in tree.one("dl").text
    assert "Geometrynone" in tree.one("dl").text


def test_a_picture_that_cannot_be_read_is_replaced_by_its_reason() -> None:
    gone = pair(candidate("gone.jpg"), picture=None, missing="the file was moved")
    tree = Tree(explanation(gone).html())
    absent = tree.all("p", "absent")
    assert len(absent) == 2, "in the headline and in its pair"
    assert all("gone.jpg" in e.text and "the file was moved" in e.text for e in absent)
    assert not tree.all("image") and not tree.all("line")
    assert "Inliers20 of 30 matches" in tree.one("dl").text


def test_texts_from_outside_stay_texts() -> None:
    evil = '"><script>alert(1)</script><img src=http://x onerror=y>&\udcff'
    held = pair(candidate(evil, attribution=evil, licence=evil), geometry=evil)
    gone = pair(candidate(evil + "2"), picture=None, missing=evil)
    numbers = (Number(evil, 1.0, 1.0, 1.0, evil),)
    fix = Fix(None, 0.1, (held.candidate,), evil)
    for whole in (explanation(held, gone, name=evil, numbers=numbers, calibration=evil), explanation(held, fix=fix)):
        html = whole.html()
        html.encode("utf-8")
        tree = Tree(html)
        assert not tree.all("script")
        assert not any(name.startswith("on") for e in tree.elements for name in e.attributes)
        assert all(e.attributes["src"].startswith("data:") for e in tree.all("img"))
        assert evil.replace("\udcff", "?") in tree.one("main").text


def test_the_page_links_to_the_place_in_other_maps() -> None:
    tree = Tree(explanation(pair(candidate("best.jpg"))).html())
    fix = explanation(pair(candidate("best.jpg"))).fix
    assert [e.attributes["href"] for e in tree.all("a")] == list(fix.links.values())
    lost = Tree(explanation(fix=Fix(None, 0.1, (), "nothing is alike")).html())
    assert not lost.all("a")


def test_nothing_is_loaded_from_anywhere() -> None:
    html = explanation(pair(candidate("best.jpg", attribution="A. Nother", licence="CC BY 4.0"))).html()
    assert "url(" not in html
    followed = [e.attributes.pop("href") for e in Tree(html).all("a")]  # addresses that load only when they are clicked
    elsewhere = [value for e in Tree(html).elements if e.tag != "a" for value in e.attributes.values() if ":/" in value]
    assert followed and not elsewhere
    assert "A. Nother" in html and "CC BY 4.0" in html
    policy = [e.attributes["content"] for e in Tree(html).all("meta") if "http-equiv" in e.attributes]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_pictures_are_small_and_carry_no_exif() -> None:
    huge = picture(1600, 1200)
    tree = Tree(explanation(pair(candidate("best.jpg"), picture=picture(4000, 600)), query=huge).html())
    for data in stored(tree):
        with Image.open(io.BytesIO(data)) as small:
            assert small.height <= HIGH_PX and small.width <= 4 * HIGH_PX
            assert not small.getexif() and b"Exif" not in data and "icc_profile" not in small.info


def test_every_drawing_has_a_name_and_every_reference_its_target() -> None:
    tree = Tree(explanation(pair(candidate("a.jpg")), pair(candidate("b.jpg", east_m=9.0))).html())
    ids = [e.attributes["id"] for e in tree.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    for e in tree.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(e.attributes.get(name, "").split()) <= set(ids)
    for svg in tree.all("svg"):
        assert {"aria-labelledby", "aria-label", "aria-hidden"} & set(svg.attributes)
    assert all(e.attributes["alt"] for e in tree.all("img"))


def test_the_plan_is_true_to_scale_with_north_up() -> None:
    east, north = candidate("east.jpg", east_m=20.0), candidate("north.jpg")
    north = replace(north, photo=replace(north.photo, position=moved(HERE, 0.0, 10.0), heading_deg=None))
    tree = Tree(explanation(pair(east), pair(north)).html())
    radius = tree.one("circle", "radius").attributes
    middle, per_metre = float(radius["cx"]), float(radius["r"]) / 25.0
    spots = [(float(e.attributes["cx"]), float(e.attributes["cy"])) for e in tree.all("circle", "candidate")]
    assert spots[0] == pytest.approx((middle + 20 * per_metre, middle), abs=0.2)
    assert spots[1] == pytest.approx((middle, middle - 10 * per_metre), abs=0.2)
    assert len(tree.all("path", "tick")) == 1, "only one of the two has a heading"
    assert tree.one("path", "photos").attributes["d"].count("M") == 12
    bar = re.fullmatch(r"M14 378v8h([\d.]+)v-8", tree.one("path", "scale").attributes["d"])
    assert bar and any(e.text == f"{float(bar[1]) / per_metre:.0f} m" for e in tree.all("text", "note"))
    assert {e.text for e in tree.all("text", "number")} == {"1", "2"}


def test_the_wedge_points_where_the_query_looked() -> None:
    tree = Tree(explanation(pair(candidate("best.jpg"))).html())  # it looked to 80 degrees
    numbers = [float(n) for n in re.findall(r"-?[\d.]+", tree.one("path", "wedge").attributes["d"])]
    (x, y), *ends = numbers[:2], numbers[2:4], numbers[-2:]
    angles = [math.degrees(math.atan2(end[0] - x, y - end[1])) for end in ends]
    assert angles == pytest.approx([57.5, 102.5], abs=0.2)


def test_candidates_at_one_spot_share_a_label() -> None:
    tree = Tree(explanation(*(pair(candidate(f"{n}.jpg")) for n in range(4))).html())
    assert [e.text for e in tree.all("text", "number")] == ["1, 2, 3, 4"]
    assert len(tree.all("circle", "candidate")) == 4


def test_a_candidate_in_another_town_does_not_shrink_the_plan_and_is_told_in_words() -> None:
    near, far = candidate("near.jpg"), candidate("far.jpg", east_m=80_000.0)
    unseen = candidate("unseen.jpg", east_m=-9_000.0)
    fix = Fix(HERE, 0.9, (near, far, unseen), "so")
    tree, alone = (Tree(explanation(*pairs, fix=fix).html()) for pairs in ((pair(near), pair(far)), (pair(near),)))
    assert tree.one("circle", "radius").attributes == alone.one("circle", "radius").attributes
    assert len(tree.all("circle", "candidate")) == 1
    assert "The plan shows 1 of 3 candidates and 12 of the 107 photos in the map" in plan_words(tree)
    assert "Outside it are 2 candidates: number 2, 80.0 km to the east; 1 that is not shown" in plan_words(tree)


def test_photos_outside_the_picture_are_not_drawn_but_counted() -> None:
    around = (moved(HERE, 10.0, 15.0), moved(HERE, 10.0, 5_000.0), moved(HERE, 200.0, 900.0))
    tree = Tree(explanation(pair(candidate("best.jpg")), photos_around=around).html())
    assert tree.one("path", "photos").attributes["d"].count("M") == 1
    assert "1 of the 107 photos in the map" in plan_words(tree)


def test_the_plan_crosses_the_180th_meridian() -> None:
    there = Position(-16.8, 179.9999, 25.0)
    held = candidate("across.jpg", east_m=30.0, start=there)
    assert held.photo.position.lon < 0
    tree = Tree(explanation(pair(held), fix=Fix(there, 0.9, (held,), "so"), photos_around=()).html())
    assert len(tree.all("circle", "candidate")) == 1
    assert "From the fix30 m" in tree.one("dl").text


def test_a_fix_may_have_neither_radius_nor_heading() -> None:
    held = candidate("best.jpg", heading_deg=None)
    tree = Tree(explanation(pair(held), fix=Fix(Position(52.2053, 0.1218), 0.9, (held,), "so")).html())
    assert tree.one("h1").text == "52.205300, 0.121800, probability 0.90"
    assert tree.all("path", "cross") and not tree.all("circle", "radius") and not tree.all("path", "wedge")
    assert "Headingunknown" in tree.one("dl").text and "Photo byunknown" in tree.one("dl").text


def test_the_numbers_add_up_to_what_is_said() -> None:
    tree = Tree(explanation(pair(candidate("best.jpg"))).html())
    rows = [[e.text for e in tree.within(row, "td")] for row in tree.within(tree.one("tbody"), "tr")]
    assert rows == [
        ["0.832", "2.5", "+2.08"],
        ["0.12", "20", "+2.40"],
        ["84", "", "not weighed"],
        ["1", "-1.88", "-1.88"],
    ]
    assert "how far ahead of any other place" in tree.one("tbody").text
    assert tree.within(tree.one("tfoot"), "td")[0].text == "+2.60"
    said = tree.one("main").text
    assert "The probability is 0.93. That is not below the threshold of 0.50, so the answer is a place" in said
    assert "Fitted on 412 photos." in said
    bars = [(e.attributes["class"], float(e.attributes["width"])) for e in tree.within(tree.one("table"), "rect")]
    assert bars == [("for", 86.7), ("for", 100.0), ("against", 78.3)]


def test_a_certain_answer_never_claims_certainty() -> None:
    assert "probability 0.99" in Tree(explanation(fix=Fix(HERE, 0.9999, (), "so")).html()).one("h1").text


def test_an_unknown_value_is_called_unknown() -> None:
    tree = Tree(explanation(numbers=(Number("lead", None, None, None, "no other place"),)).html())
    assert [e.text for e in tree.within(tree.one("tbody"), "td")] == ["unknown", "", "not weighed"]


@pytest.mark.parametrize(("at_most", "nice"), [(24.0, 20.0), (50.0, 50.0), (199.0, 100.0), (4999.0, 2000.0)])
def test_a_scale_bar_has_a_round_length(at_most: float, nice: float) -> None:
    assert nice_length_m(at_most) == nice


# ---- an answer worked out again


def test_an_answer_by_similarity_has_no_inliers_among_its_numbers_and_says_why(street: Path, tmp_path: Path) -> None:
    photo = sorted(street.glob("*.jpg"))[3]
    with (
        Map.build(tmp_path / "street.map", street, model=Toy()) as city,
        contextlib.closing(open_search(city.store)) as search,
    ):
        context = MapContext(city.store, search, city.calibration)
        with Image.open(photo) as opened:
            [descriptor] = city.model.embed([np.asarray(opened.convert("RGB"))])
        why = explain(Query(descriptor, photo), QueryOptions(k=3), context)
        assert why.photos_in_map == len(city)
    assert why.name == photo.name
    assert "inliers" not in [number.name for number in why.numbers]
    assert "unknown" not in "".join(e.text for e in Tree(why.html()).all("td"))
    assert "is based on similarity alone" in Tree(why.html()).one("main").text
    odds = sum(number.part or 0.0 for number in why.numbers)
    assert 1 / (1 + math.exp(-odds)) == pytest.approx(why.fix.confidence)


def test_the_best_candidate_is_the_one_that_the_answer_names() -> None:
    """Two candidates of another place are ahead; the votes of a third and its neighbours won."""
    pairs = [pair(candidate(name, east_m=metres)) for name, metres in (("a.jpg", 900), ("b.jpg", 905), ("c.jpg", 2))]
    header = Tree(explanation(*pairs, best_pair=2).html()).one("header").text
    assert "The best candidate, c.jpg (number 3 below)" in header


def test_whose_photos_are_shown_is_told_once_at_the_foot() -> None:
    by = {"attribution": "A. Nother", "licence": "CC BY 4.0"}
    pairs = [pair(candidate("a.jpg", **by)), pair(candidate("b.jpg", **by)), pair(candidate("c.jpg"))]
    foot = Tree(explanation(*pairs).html()).one("footer").text
    assert foot.count("A. Nother, CC BY 4.0") == 1
