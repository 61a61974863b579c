"""The models that vidcolor knows by name."""

from __future__ import annotations

from types import MappingProxyType

from vidcolor.errors import OptionError
from vidcolor.models.spec import PRECISIONS, ModelSpec, WorkingSize

_DEOLDIFY_SIZE = WorkingSize(shape="square", video=21, image=35, multiple=16)
_DEOLDIFY_SOURCE = "DeOldify by Jason Antic, https://github.com/jantic/DeOldify"
_DEOLDIFY_BATCH = MappingProxyType({"cpu": 4, "cuda": 16, "mps": 4})


def _deoldify(variant: str, title: str, millions: float) -> ModelSpec:
    return ModelSpec(
        name=f"deoldify-{variant}",
        title=title,
        family="deoldify",
        variant=variant,
        licence="MIT",
        source=_DEOLDIFY_SOURCE,
        parameters_millions=millions,
        working_size=_DEOLDIFY_SIZE,
        precisions=PRECISIONS,
        batch_size=_DEOLDIFY_BATCH,
    )


def _ours(name: str, title: str, millions: float) -> ModelSpec:
    return ModelSpec(
        name=name,
        title=title,
        family="compact",
        variant=name,
        licence="MIT",
        source="vidcolor; encoder from MobileNet EdgeTPU (Apache-2.0)",
        parameters_millions=millions,
        working_size=WorkingSize(shape="aspect", video=12, image=12, multiple=32),
        precisions=PRECISIONS,
        batch_size=MappingProxyType({"cpu": 8, "cuda": 32, "mps": 8}),
        bundled=f"{name}.safetensors",
    )


COMPACT = _ours(
    "compact",
    "our own small network, shipped with vidcolor; quick on a laptop",
    millions=3.3,
)

LARGE = _ours(
    "large",
    "our own larger network, shipped with vidcolor; for photos and GPUs",
    millions=9.9,
)

MODELS: MappingProxyType[str, ModelSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            COMPACT,
            LARGE,
            _deoldify("video", "DeOldify for film: calm colours, few artefacts", 218.2),
            _deoldify("artistic", "DeOldify for photos: the liveliest colours", 63.7),
            _deoldify("stable", "DeOldify for portraits and landscapes: careful colours", 218.2),
        )
    }
)


def find_spec(name: str) -> ModelSpec:
    """Facts about a model by its name.

    Raises:
        OptionError: if no model has that name.
    """
    spec = MODELS.get(name)
    if spec is None:
        raise OptionError(f"no model or file called {name!r}; models are auto, {', '.join(MODELS)}")
    return spec
