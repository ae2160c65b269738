"""Losses are what their formulas say, honour their margin, and run wherever their tensors are."""

import itertools
import math
import sys
from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs viewfix[train]")
pytest.importorskip("pytorch_metric_learning", reason="needs viewfix[train]")

from viewfix.errors import BadInput, MissingExtra  # noqa: E402
from viewfix.train import losses  # noqa: E402

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")),
]
OURS = ("online-hardest-triplet", "online-all-triplet")
WITH_MARGIN = tuple(name for name in losses.NAMES if name != "multi-similarity")


def batch(
    places: int = 5, photos: int = 3, dim: int = 6, *, spread: float = 1.0, seed: int = 0
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Unit rows in float64, photos of a place somewhat alike, in mixed order."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(places), photos))
    rows = rng.normal(size=(places, dim))[labels] + spread * rng.normal(size=(len(labels), dim))
    return torch.from_numpy(rows / np.linalg.norm(rows, axis=1, keepdims=True)), torch.from_numpy(labels)


def by_hand(
    embeddings: "torch.Tensor", labels: "torch.Tensor"
) -> "tuple[np.ndarray, list[list[int]], list[list[int]]]":
    """Distances, and for each photo the rows of its positives and of its negatives, one pair at a time."""
    x, places = embeddings.numpy(), labels.tolist()
    n = len(places)
    distances = np.array([[math.dist(x[i], x[j]) for j in range(n)] for i in range(n)])
    positives = [[j for j in range(n) if j != i and places[j] == places[i]] for i in range(n)]
    negatives = [[j for j in range(n) if places[j] != places[i]] for i in range(n)]
    return distances, positives, negatives


# Four photos on a line: A at 0 and 0.3, B at 1 and 1.2. In each row: the farthest positive, the nearest negative.
LINE = [[0.0], [0.3], [1.0], [1.2]]
HARDEST = [(0.3, 1.0), (0.3, 0.7), (0.2, 0.7), (0.2, 0.9)]


@pytest.mark.parametrize("margin", [0.1, 0.5, 0.9])
def test_the_hardest_triplets_of_four_photos_cost_what_a_pencil_says(margin: float) -> None:
    expected = sum(max(0.0, p - n + margin) for p, n in HARDEST) / 4
    loss = losses.make("online-hardest-triplet", margin=margin)
    assert loss(torch.tensor(LINE), torch.tensor([0, 0, 1, 1])).item() == pytest.approx(expected, abs=1e-6)


def test_all_triplets_of_four_photos_cost_what_a_pencil_says() -> None:
    # Anchor 0: 0.3 - 1.0 and 0.3 - 1.2; 1: 0.3 - 0.7, 0.3 - 0.9; 2: 0.2 - 1.0, 0.2 - 0.7; 3: 0.2 - 1.2, 0.2 - 0.9.
    # With a margin of 0.65 three of the eight cost something: 0.25 and 0.05 of anchor 1, 0.15 of anchor 2.
    loss = losses.make("online-all-triplet", margin=0.65)
    value = loss(torch.tensor(LINE), torch.tensor([0, 0, 1, 1])).item()
    assert value == pytest.approx((0.25 + 0.05 + 0.15) / 3, abs=1e-6)


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("margin", [0.05, 0.4])
def test_online_triplets_agree_with_a_slow_loop(margin: float, squared: bool) -> None:
    embeddings, labels = batch()
    labels[:2] = torch.tensor([50, 51])  # two photos that have no positive
    distances, positives, negatives = by_hand(embeddings, labels)
    distances = distances**2 if squared else distances
    hardest, every = [], []
    for i, (near, far) in enumerate(zip(positives, negatives, strict=True)):
        if near and far:
            hardest.append(max(0.0, max(distances[i, near]) - min(distances[i, far]) + margin))
        every += [max(0.0, distances[i, p] - distances[i, n] + margin) for p, n in itertools.product(near, far)]
    for name, expected in (("hardest", np.mean(hardest)), ("all", np.mean([c for c in every if c > 0]))):
        loss = losses.make(f"online-{name}-triplet", margin=margin, squared=squared)
        assert loss(embeddings, labels).item() == pytest.approx(expected, abs=1e-12)


def test_batch_hard_triplets_average_over_those_that_break_the_margin() -> None:
    embeddings, labels = batch(spread=0.3)
    distances, positives, negatives = by_hand(embeddings, labels)
    pairs = zip(positives, negatives, strict=True)
    costs = [max(distances[i, near]) - min(distances[i, far]) + 0.3 for i, (near, far) in enumerate(pairs)]
    broken = [cost for cost in costs if cost > 0]
    assert 0 < len(broken) < len(costs), "the batch shows both kinds"
    loss = losses.make("triplet-batch-hard", margin=0.3)
    assert loss(3 * embeddings, labels).item() == pytest.approx(np.mean(broken), abs=1e-9)


@pytest.mark.parametrize("margin", [0.9, 1.2])
def test_the_contrastive_loss_is_that_of_its_pairs_that_are_not_easy(margin: float) -> None:
    embeddings, labels = batch()
    distances, positives, negatives = by_hand(embeddings, labels)
    pulls = [d for i, near in enumerate(positives) for d in distances[i, near] if d > 0.5]
    pushes = [margin - d for i, far in enumerate(negatives) for d in distances[i, far] if d < 0.8 * margin]
    assert pulls and pushes, "the batch shows both kinds"
    loss = losses.make("contrastive", margin=margin, easy_positive=0.5)
    assert loss(embeddings, labels).item() == pytest.approx(np.mean(pulls) + np.mean(pushes), abs=1e-9)


def test_multi_similarity_is_that_of_the_pairs_that_its_miner_takes() -> None:
    embeddings, labels = batch()
    _, positives, negatives = by_hand(embeddings, labels)
    cosines = (embeddings @ embeddings.T).numpy()
    costs, left_out = [], 0
    for i, (near, far) in enumerate(zip(positives, negatives, strict=True)):
        kept_near = [s for s in cosines[i, near] if s - 0.1 < max(cosines[i, far])]
        kept_far = [s for s in cosines[i, far] if s + 0.1 > min(cosines[i, near])]
        left_out += len(near) + len(far) - len(kept_near) - len(kept_far)
        costs.append(math.log(1 + sum(math.exp(-s) for s in kept_near)))
        costs[-1] += math.log(1 + sum(math.exp(50 * s) for s in kept_far)) / 50
    assert left_out > 0, "the batch has easy pairs"
    assert losses.make("multi-similarity")(embeddings, labels).item() == pytest.approx(np.mean(costs), abs=1e-9)


@pytest.mark.parametrize("name", WITH_MARGIN)
def test_a_margin_is_honoured(name: str) -> None:
    embeddings, labels = batch(seed=1)
    assert losses.make(name, margin=0.9)(embeddings, labels) > losses.make(name, margin=0.1)(embeddings, labels) + 0.05


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", losses.NAMES)
def test_no_loss_makes_tensors_on_the_default_device(name: str, device: str) -> None:
    embeddings, labels = batch()
    embeddings = embeddings.float()
    here = embeddings.clone().requires_grad_()
    expected = losses.make(name)(here, labels)
    expected.backward()
    there, labels = embeddings.to(device).requires_grad_(), labels.to(device)
    loss = losses.make(name)
    with torch.device("meta"):
        value = loss(there, labels)
        value.backward()
    assert value.device.type == device and value.item() == pytest.approx(expected.item(), abs=1e-5) and value.item() > 0
    assert torch.allclose(there.grad.cpu(), here.grad, atol=1e-5)


@pytest.mark.parametrize("name", OURS)
def test_our_own_losses_run_on_a_device_without_values(name: str) -> None:
    embeddings, labels = batch()
    value = losses.make(name)(embeddings.to("meta"), labels.to("meta"))
    assert value.device.type == "meta" and value.shape == () and value.dtype == torch.float64


@pytest.mark.parametrize("name", losses.NAMES)
@pytest.mark.parametrize(
    "labels", [range(32), [0] * 32, [3], [0, 0]], ids=["no positives", "no negatives", "one photo", "one pair"]
)
def test_a_batch_with_nothing_to_learn_from_costs_nothing(name: str, labels: "list[int]") -> None:
    if name == "contrastive" and len(set(labels)) != len(labels):
        labels = range(len(labels))  # it learns from positives alone; what is left is negatives, none of them near
    embeddings = torch.eye(32, dtype=torch.float32)[: len(labels)].clone().requires_grad_()
    value = losses.make(name)(embeddings, torch.tensor(list(labels)))
    value.backward()
    assert value.item() == 0 and value.shape == ()
    assert torch.equal(embeddings.grad, torch.zeros_like(embeddings))


@pytest.mark.parametrize("name", losses.NAMES)
@pytest.mark.parametrize("photos", [8, 40])
def test_equal_descriptors_have_a_finite_gradient(name: str, photos: int) -> None:
    embeddings = torch.nn.functional.normalize(torch.ones(photos, 16), dim=1).requires_grad_()
    value = losses.make(name)(embeddings, torch.arange(photos) // 4)
    value.backward()
    assert value.isfinite() and value > 0 and embeddings.grad.isfinite().all()


@pytest.mark.parametrize("name", losses.NAMES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bits_are_computed_in_thirty_two(name: str, dtype: str) -> None:
    embeddings, labels = batch()
    short = embeddings.to(getattr(torch, dtype)).requires_grad_()
    value = losses.make(name)(short, labels)
    value.backward()
    assert value.dtype == torch.float32 and short.grad.isfinite().all()
    assert value.item() == pytest.approx(losses.make(name)(short.detach().float(), labels).item(), rel=1e-6)


@pytest.mark.parametrize("name", losses.NAMES)
def test_going_down_the_loss_brings_photos_of_a_place_together(name: str) -> None:
    embeddings, labels = batch(places=4, photos=4, dim=16)
    x = embeddings.float().requires_grad_()
    loss = losses.make(name)
    before = loss(torch.nn.functional.normalize(x, dim=1), labels).item()
    steps = torch.optim.SGD([x], lr=0.5)
    for _ in range(60):
        steps.zero_grad()
        loss(torch.nn.functional.normalize(x, dim=1), labels).backward()
        steps.step()
    rows = torch.nn.functional.normalize(x.detach(), dim=1)
    assert loss(rows, labels).item() < 0.7 * before
    nearest = (rows @ rows.T).fill_diagonal_(-1).argmax(dim=1)
    assert torch.equal(labels[nearest], labels)


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (lambda: losses.make("multi-similarty"), "Did you mean 'multi-similarity'"),
        (lambda: losses.make("multi-similarity", margin=0.1), "no parameter 'margin'. It has: alpha, beta, base, eps"),
        (lambda: losses.make("contrastive", easy_positiv=0.1), "Did you mean 'easy_positive'"),
        (lambda: losses.make("triplet-batch-hard", margin=-1), "is -1. It must be a number of at least 0"),
        (lambda: losses.make("online-all-triplet", squared=1), "is 1. It must be true or false"),
        (lambda: losses.make("online-all-triplet", margin=math.nan), "is nan. It must be a number"),
    ],
)
def test_a_wrong_name_or_value_is_refused_in_one_line(ask: "Callable[[], object]", answer: str) -> None:
    with pytest.raises(BadInput) as caught:
        ask()
    assert answer in str(caught.value) and "\n" not in str(caught.value)


def test_a_loss_whose_package_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.split(".")[0] == "pytorch_metric_learning"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(MissingExtra, match=r"pip install 'viewfix\[train\]'"):
        losses.make("multi-similarity")
    for name in OURS:
        losses.make(name)
