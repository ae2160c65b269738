"""Measure blurring of faces: time, how many photos have one, and what describing blurred photos costs in Recall@1."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from truth import DATA, Truth, cambridge

from viewfix import photos
from viewfix.blur import Blur
from viewfix.geo import earth_centred_m
from viewfix.models import catalogue
from viewfix.models.model import Model


def described(model: Model, blur: Blur, truths: list[Truth]) -> tuple[np.ndarray, np.ndarray, int, float]:
    """Descriptors of the photos as they are and blurred, the number that were blurred, and the seconds it took."""
    plain, blurred, changed, spent_s = [], [], 0, 0.0
    for each in truths:
        picture = photos.load(each.file)
        began = time.perf_counter()
        other = blur(picture)
        spent_s += time.perf_counter() - began
        [descriptor] = model.embed([picture])
        plain.append(descriptor)
        changed += other is not picture
        blurred.append(descriptor if other is picture else model.embed([other])[0])
    return np.array(plain), np.array(blurred), changed, spent_s


def recall(queries: np.ndarray, known: np.ndarray, near: np.ndarray) -> float:
    best = (queries @ known.T).argmax(axis=1)
    return float(near[np.arange(len(queries)), best].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    model, blur = catalogue.load(None), Blur.of(["faces"])
    known, asked = cambridge(given.data, "test", "map"), cambridge(given.data, "test", "queries")
    map_plain, map_blurred, map_changed, map_s = described(model, blur, known)
    query_plain, query_blurred, query_changed, query_s = described(model, blur, asked)
    print(f"{map_changed} of {len(known)} photos of the map and {query_changed} of {len(asked)} queries have a face")
    print(f"{1e3 * (map_s + query_s) / (len(known) + len(asked)):.0f} ms a photo to find and blur them")
    at = [earth_centred_m([t.position.lat for t in part], [t.position.lon for t in part]) for part in (asked, known)]
    near = np.linalg.norm(at[0][:, None] - at[1][None], axis=2) <= 25.0
    for name, queries, descriptors in (
        ("neither blurred", query_plain, map_plain),
        ("the map blurred", query_plain, map_blurred),
        ("both blurred", query_blurred, map_blurred),
    ):
        print(f"Recall@1, {name}: {recall(queries, descriptors, near):.1%}")
    phone = sorted((given.data / "ingest" / "phone_photos").glob("*.jpg"))
    with_face = sum(len(blur.find(photos.load(file))) > 0 for file in phone)
    print(f"{with_face} of {len(phone)} phone photos have a face")


if __name__ == "__main__":
    main()
