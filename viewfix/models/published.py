"""The published models as data: weights, addresses, licences and preprocessing.

Taken from the repositories of the authors: descriptor lengths, image sizes and file names. `size_mb` is that of the
float32 file that `viewfix models get` writes. None of the authors publishes a checksum.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from .entry import Entry, Weights
from .preprocessing import Preprocessing

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet statistics for pixels in [0, 1]; all of these models were trained with them."""

STREET_VIEW = "trained on Google Street View pictures, whose terms may reach the weights"
NO_LICENCE = "the authors state no licence and so keep all rights: ask them"

RESNET18, RESNET50, VGG16 = 11_176_512, 23_508_032, 14_714_688
"""Parameters of the networks without their classifiers."""


def squashed(side_px: int, interpolation: Literal["bilinear", "bicubic"] = "bilinear") -> Preprocessing:
    """Squash every picture to a square."""
    return Preprocessing(
        "exact", side_px, side_px, interpolation=interpolation, layout="NCHW float32", mean=MEAN, std=STD
    )


SHAPE_KEPT = Preprocessing("area", 640, 480, layout="NCHW float32", mean=MEAN, std=STD)
"""For networks that are evaluated at the size of the photos; photos of 640 x 480 stay unchanged."""


def _megabytes(numbers: float) -> float:
    return round(4 * numbers / 1e6, 1)  # float32


def _drive(file_id: str) -> str:
    # Without `confirm`, Google answers for large files with a page about viruses.
    return f"https://drive.usercontent.google.com/download?id={file_id}&export=download&confirm=t"


def _street_view_family(method: str, network: str, numbers: int, channels: int, dims: tuple[int, ...]) -> list[Entry]:
    """CosPlace and EigenPlaces: one network each, published with descriptors of several lengths."""
    title = {"cosplace": "CosPlace", "eigenplaces": "EigenPlaces"}[method]
    note = STREET_VIEW
    if method == "cosplace":
        note += "; the author first said that MIT does not cover them, then that he does not know (CosPlace issue 35)"
    releases = f"https://github.com/gmberton/{title}/releases"
    return [
        Entry(
            name=f"{method}-{network.lower()}-{dim}",
            summary=f"{network} with GeM, by {title}: trained as a classifier of places in San Francisco.",
            dim=dim,
            file=Path(f"{method}-{network.lower()}-{dim}.onnx"),
            size_mb=_megabytes(numbers + (channels + 1) * dim + 1),
            licence="MIT",
            commercial_use=None,
            licence_note=note,
            paper={"cosplace": "arXiv:2204.02287", "eigenplaces": "arXiv:2308.10832"}[method],
            weights=Weights(
                f"{network}_{dim}_{method}.pth", releases, (f"{releases}/download/v1.0/{network}_{dim}_{method}.pth",)
            ),
            preprocessing=SHAPE_KEPT,
        )
        for dim in dims
    ]


MEGALOC = "https://huggingface.co/gberton/MegaLoc"
GPL_NOTE = f"the code is under GPL-3; {STREET_VIEW}"

MEGALOC_AND_SALAD = (
    Entry(
        name="megaloc",
        summary="DINOv2-B with SALAD, trained on five sets at once, indoors and outdoors; large, slow on a CPU.",
        dim=8448,
        file=Path("megaloc.onnx"),
        size_mb=_megabytes(228.640e6),
        licence="MIT",
        commercial_use=None,
        licence_note=f"the code is under MIT; {STREET_VIEW}",
        paper="arXiv:2502.17237",
        weights=Weights(
            "megaloc.safetensors",
            MEGALOC,
            (
                # The commit that other projects pin, then the current one.
                f"{MEGALOC}/resolve/a0f34722c4297ff787e022433799250180860af7/model.safetensors",
                f"{MEGALOC}/resolve/main/model.safetensors",
            ),
        ),
        preprocessing=squashed(322),
    ),
    Entry(
        name="salad",
        summary="DINOv2-B with optimal transport to 64 clusters.",
        dim=8448,
        file=Path("salad.onnx"),
        size_mb=_megabytes(87.991e6),
        licence="GPL-3.0",
        commercial_use=None,
        licence_note=GPL_NOTE,
        paper="arXiv:2311.15937",
        weights=Weights(
            "dino_salad.ckpt",
            "https://github.com/serizba/salad/releases",
            ("https://github.com/serizba/salad/releases/download/v1.0.0/dino_salad.ckpt",),
        ),
        preprocessing=squashed(322),
    ),
    Entry(
        name="clique-mining",
        summary="SALAD, trained further on harder batches of similar, nearby places.",
        dim=8448,
        file=Path("clique-mining.onnx"),
        size_mb=_megabytes(87.991e6),
        licence="GPL-3.0",
        commercial_use=None,
        licence_note=GPL_NOTE,
        paper="arXiv:2407.02422",
        weights=Weights(
            "clique-mining.ckpt",
            "https://drive.google.com/file/d/1B06ysb-Wjb4KDcNrl-7pyj1mJve1jqdk",
            (_drive("1B06ysb-Wjb4KDcNrl-7pyj1mJve1jqdk"),),
        ),
        preprocessing=squashed(322),
    ),
)

BOQ_RELEASES = "https://github.com/amaralibey/Bag-of-Queries/releases"
BOQ = tuple(
    Entry(
        name=f"boq-{network}-{dim}",
        summary=f"{title} with BoQ: learned queries attend to the feature map.",
        dim=dim,
        file=Path(f"boq-{network}-{dim}.onnx"),
        size_mb=_megabytes(numbers),
        licence="MIT",
        commercial_use=None,
        licence_note=STREET_VIEW,
        paper="arXiv:2405.07364",
        weights=Weights(f"{network}_{dim}.pth", BOQ_RELEASES, (f"{BOQ_RELEASES}/download/v1.0/{network}_{dim}.pth",)),
        preprocessing=squashed(side_px, "bicubic"),
    )
    for network, title, dim, numbers, side_px in (
        ("resnet50", "ResNet50", 16384, 23.844e6, 384),
        ("dinov2", "DINOv2-B", 12288, 95.207e6, 322),
    )
)

MIXVPR = tuple(
    Entry(
        name=f"mixvpr-{dim}",
        summary="ResNet50 to its third stage, with MixVPR: all positions of the feature map mixed.",
        dim=dim,
        file=Path(f"mixvpr-{dim}.onnx"),
        size_mb=_megabytes(numbers),
        licence="none",
        commercial_use=False,
        licence_note=NO_LICENCE,
        paper="arXiv:2303.02190",
        weights=Weights(f"mixvpr-{dim}.ckpt", "https://github.com/amaralibey/MixVPR", (_drive(file_id),)),
        preprocessing=squashed(320),
    )
    for dim, numbers, file_id in (
        (4096, 10.881e6, "1vuz3PvnR7vxnDDLQrdHJaOA04SQrtk5L"),
        (512, 10.093e6, "1khiTUNzZhfV2UUupZoIsPIbsMRBYVDqj"),
        (128, 9.896e6, "1DQnefjk1hVICOEYPwE4-CZAZOvi1NSJz"),
    )
)

CONVAP = tuple(
    Entry(
        name=f"convap-{dim}",
        summary="ResNet50 with Conv-AP: channels mixed, averaged over four cells.",
        dim=dim,
        file=Path(f"convap-{dim}.onnx"),
        size_mb=_megabytes(RESNET50 + 2049 * dim // 4),
        licence="none",
        commercial_use=False,
        licence_note=NO_LICENCE,
        paper="arXiv:2210.10239",
        weights=Weights(
            f"resnet50_ConvAP_{dim // 4}_2x2.ckpt",
            "https://drive.google.com/drive/folders/1VYPw9uGD11NgiGFgfWueLt3noJYOIuhL",
        ),
        # 4096 was trained with bicubic filtering, 8192 with bilinear; for the others this is not documented.
        preprocessing=squashed(320, "bicubic" if dim == 4096 else "bilinear"),
    )
    for dim in (512, 2048, 4096, 8192)
)

ANYLOC = tuple(
    Entry(
        name=f"anyloc-{domain}",
        summary=f"DINOv2-G untrained, values of block 31, with a vocabulary of 32 words for {domain} scenes.",
        dim=49152,
        file=Path(f"anyloc-{domain}.onnx"),
        size_mb=_megabytes(1136.5e6),
        licence="BSD-3-Clause",
        commercial_use=None,
        licence_note="the code is under BSD-3; the licence of the vocabulary's pictures is not stated",
        paper="arXiv:2308.00688",
        weights=Weights(
            f"dinov2_vitg14_l31_value_c32_{domain}_c_centers.pt",
            "https://github.com/AnyLoc/DINO/releases",
            (f"https://github.com/AnyLoc/DINO/releases/download/v1/dinov2_vitg14_l31_value_c32_{domain}_c_centers.pt",),
        ),
        obstacle="its network, DINOv2 ViT-g/14, takes more than the 2 GB that one ONNX file holds, "
        "and the 49152 numbers of a photo take 96 KB in a map",
    )
    for domain in ("urban",)
)

PUBLISHED: tuple[Entry, ...] = (
    *MEGALOC_AND_SALAD,
    *BOQ,
    *_street_view_family("eigenplaces", "ResNet18", RESNET18, 512, (512, 256)),
    *_street_view_family("eigenplaces", "ResNet50", RESNET50, 2048, (2048, 1024, 512, 256, 128)),
    *_street_view_family("eigenplaces", "VGG16", VGG16, 512, (512,)),
    *_street_view_family("cosplace", "ResNet18", RESNET18, 512, (512, 256, 128, 64, 32)),
    *_street_view_family("cosplace", "ResNet50", RESNET50, 2048, (2048, 1024, 512, 256, 128, 64, 32)),
    *_street_view_family("cosplace", "VGG16", VGG16, 512, (512, 256, 128, 64)),
    *MIXVPR,
    *CONVAP,
    *ANYLOC,
)
