"""The choice of photos to take out: greedily, the one that costs least."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict

import numpy as np
import numpy.typing as npt

from .questions import Floats, Indices, Questions

Bools = npt.NDArray[np.bool_]

SOFTNESS = 0.1
"""A photo that is found with this lead over the best wrong one counts as 73 % safe. From 0.03 to 0.2 the choice is
nearly the same; measured on held-out spots of the training area (benchmarks/thin.py)."""


class Choice:
    """The photos that are kept, and the answers that they give. Photos are taken out one at a time.

    A photo may go if the others answer in its place: its own question is then answered by the best right photo that
    stays, with a lead over the best wrong one. The cost of a photo is how much likelier questions become to fail
    without it.

    Args:
        questions: one for each photo of the map.
        group_of: (N,) the group of each photo; one photo of every group stays.
        held_out: (N,) photos that the map is assumed not to have. Their questions are not considered in the choice,
            only counted, so they show what happens to photos taken between those of the map. None for none.
    """

    def __init__(self, questions: Questions, group_of: npt.NDArray[np.int64], held_out: Bools | None = None) -> None:
        self._questions = questions
        self._group_of = group_of
        count = len(group_of)
        self._held_out = np.zeros(count, bool) if held_out is None else held_out
        self.kept = ~self._held_out
        self._left_in_group = np.bincount(group_of[self.kept], minlength=int(group_of.max(initial=0)) + 1)
        self._right_at, self._wrong_at = [0] * count, [0] * count
        self._answers: defaultdict[int, set[int]] = defaultdict(set)
        self._misleads: defaultdict[int, set[int]] = defaultdict(set)
        self.lost = 0
        """How many photos that were taken out are not found by those that are kept."""
        self.held_out_found = 0
        for question in range(count):
            self._advance(question)
            self.held_out_found += self._is_held_out_and_found(question)
        self.history: list[int] = [self.held_out_found]
        """After each number of photos taken out: how many of the held-out photos are found."""

    def run(self, most: int, most_lost: int) -> None:
        """Take out photos, the cheapest first.

        Args:
            most: stop when so many are gone.
            most_lost: leave a photo in if more than so many photos of the map would no longer be found without it.
        """
        heap = [(self._cost(photo), photo) for photo in np.flatnonzero(self.kept).tolist()]
        heapq.heapify(heap)
        while heap and len(self.history) <= most:
            before, photo = heapq.heappop(heap)
            if self._left_in_group[self._group_of[photo]] <= 1:
                continue
            cost = self._cost(photo)
            if cost > before + 1e-9:  # others went in the meantime, so this one is needed more
                heapq.heappush(heap, (cost, photo))
            elif self.lost + (loss := self._loss(photo)) <= most_lost:
                self._take_out(photo)
                self.lost += loss

    def _take_out(self, photo: int) -> None:
        self.kept[photo] = False
        self._left_in_group[self._group_of[photo]] -= 1
        touched = self._answers.pop(photo, set()) | self._misleads.pop(photo, set())
        for question in touched:
            before = self._is_held_out_and_found(question)
            self._advance(question)
            self.held_out_found += self._is_held_out_and_found(question) - before
        self.history.append(self.held_out_found)

    def _is_held_out_and_found(self, question: int) -> bool:
        return bool(self._held_out[question]) and self._margin(question) > 0

    def _cost(self, photo: int) -> float:
        """How much likelier the questions are to fail without a photo, summed."""
        touched = self._answers.get(photo, set()) | self._misleads.get(photo, set())
        asked = (q for q in touched if not self._held_out[q])
        return sum(_risk(self._margin(q, without=photo)) - _risk(self._margin(q)) for q in asked)

    def _loss(self, photo: int) -> int:
        """How many fewer photos of the map are found without one more photo."""
        touched = self._answers.get(photo, set()) | self._misleads.get(photo, set())
        asked = (q for q in touched if not self._held_out[q])
        return sum((self._margin(q) > 0) - (self._margin(q, without=photo) > 0) for q in asked)

    def _margin(self, question: int, without: int = -1) -> float:
        """The lead of the best right photo over the best wrong one, without one more photo."""
        q = self._questions
        right, wrong = self._right_at[question], self._wrong_at[question]
        if without >= 0:
            right, wrong = (
                self._next(lists, question, at + 1) if _photo(lists, question, at) == without else at
                for lists, at in ((q.right, right), (q.wrong, wrong))
            )
        best_right = _similarity(q.right, q.right_similarity, question, right, -1.0)
        return best_right - _similarity(q.wrong, q.wrong_similarity, question, wrong, float(q.floor[question]))

    def _advance(self, question: int) -> None:
        """Let the best photos that are kept answer a question."""
        q = self._questions
        for lists, at, book in ((q.right, self._right_at, self._answers), (q.wrong, self._wrong_at, self._misleads)):
            at[question] = self._next(lists, question, at[question])
            photo = _photo(lists, question, at[question])
            if photo >= 0:
                book[photo].add(question)

    def _next(self, lists: Indices, question: int, start: int) -> int:
        """The place in a list of the first photo that is kept, from `start` on."""
        at = start
        while (photo := _photo(lists, question, at)) >= 0 and not self.kept[photo]:
            at += 1
        return at


def _photo(lists: Indices, question: int, at: int) -> int:
    return int(lists[question, at]) if at < lists.shape[1] else -1


def _similarity(lists: Indices, similarities: Floats, question: int, at: int, missing: float) -> float:
    return float(similarities[question, at]) if _photo(lists, question, at) >= 0 else missing


def _risk(margin: float) -> float:
    """The chance, [0, 1], that a question with this margin is answered wrongly."""
    return 1.0 / (1.0 + math.exp(margin / SOFTNESS))
