"""The original's networks, built as its ``generators.py`` does. Reference environment only."""

from __future__ import annotations

import warnings

import torch

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, "
    "SymInt pooled_width, int sampling_ratio, bool aligned) -> Tensor",
    "qroi_align(Tensor input, Tensor rois, float spatial_scale, int pooled_height, "
    "int pooled_width, int sampling_ratio, bool aligned) -> Tensor",
)


def _define_missing_operators() -> torch.library.Library | None:
    # torchvision's wheel is for CUDA builds of torch: with a CPU build its compiled operators don't
    # load, and its Python part fails on registering what isn't declared. We use none of them.
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _OPERATORS:
        if not hasattr(torch.ops.torchvision, schema.split("(")[0]):
            library.define(schema)
    return library


_library = _define_missing_operators()


def build_original(name: str) -> torch.nn.Module:
    """The original "artistic", "stable" or "video" generator, for evaluation, random weights."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of 2019's code on today's torch
        from deoldify.unet import DynamicUnetDeep, DynamicUnetWide
        from fastai.layers import NormType
        from fastai.vision.learner import create_body
        from torchvision import models

        deep = name == "artistic"
        body = create_body(models.resnet34 if deep else models.resnet101, pretrained=False)
        network = (DynamicUnetDeep if deep else DynamicUnetWide)(
            body,
            n_classes=3,
            blur=True,
            blur_final=True,
            self_attention=True,
            y_range=(-3.0, 3.0),
            norm_type=NormType.Spectral,
            last_cross=True,
            bottle=False,
            nf_factor=1.5 if deep else 2,
        )
    generator: torch.nn.Module = network.eval()
    return generator
