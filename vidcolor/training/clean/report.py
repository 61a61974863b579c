"""One HTML file with small pictures of what goes and why, and of each cluster.

Nothing is fetched: pictures are data URIs. Names come from outside, so every text is escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np

from vidcolor import __version__
from vidcolor.data.photos import decode_rgb
from vidcolor.data.sources import Entry
from vidcolor.media.files.atomic import complete_file
from vidcolor.training.clean.clusters import NOISE
from vidcolor.training.clean.pool import Looked, counts
from vidcolor.training.clean.reasons import BROKEN, DUPLICATE, REASONS

_SIDE_PX = 128
_JPEG_QUALITY = 82
_PER_REASON = 96
_PER_CLUSTER = 12
_GREYEST = 48
_GREY_SCENE = 6.0  # mean chroma below which a kept photograph is shown as a grey scene

_STYLE = """
:root { color-scheme: light dark } body { font: 15px/1.45 system-ui, sans-serif }
body { max-width: 1500px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin: 2rem 0 .2rem } p { margin: .2rem 0 .6rem }
p, figcaption { color: #777 } .grid { display: flex; flex-wrap: wrap; gap: .5rem }
figure { margin: 0; width: 128px } figure.pair { width: 256px } .pair div { display: flex }
img { display: block } figcaption { font-size: .7rem; overflow-wrap: anywhere }
"""

_Caption = Callable[[Looked], str]


def write_report(path: Path, looked: Sequence[Looked], sources: Sequence[str]) -> None:
    """Write the report, complete or not at all.

    Raises:
        OutputError: it can't be written.
    """
    with complete_file(path) as part, part.open("w", encoding="utf-8") as file:
        file.writelines(_html(looked, sources))


def _html(looked: Sequence[Looked], sources: Sequence[str]) -> Iterator[str]:
    left = counts(looked)
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield f"<title>Photographs</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
    yield f"<h1>{len(looked) - left.total()} of {len(looked)} photographs are kept</h1>\n"
    yield f"<p>{_text(', '.join(sources))} &middot; vidcolor {escape(__version__)}</p>\n"
    for reason, meaning in REASONS.items():
        if left[reason]:
            yield from _reason(reason, meaning, [one for one in looked if one.reason == reason])
    kept = [one for one in looked if not one.reason]
    yield from _grey_scenes(kept)
    yield from _clusters(kept)
    yield "</body>\n</html>\n"


def _reason(reason: str, meaning: str, gone: Sequence[Looked]) -> Iterator[str]:
    yield f"<h2>{reason}: {len(gone)}</h2>\n<p>{meaning}</p>\n"
    if reason == BROKEN:
        yield "<ul>"
        yield from (f"<li>{_text(one.entry.name)}</li>\n" for one in _spread(gone, _PER_REASON))
        yield "</ul>\n"
    else:
        yield from _grid(_spread(gone, _PER_REASON), pairs=reason == DUPLICATE)


def _grey_scenes(kept: Sequence[Looked]) -> Iterator[str]:
    """Those of the kept that look most like what is left out for having no colour."""
    grey = [one for one in kept if one.figures and one.figures.chroma < _GREY_SCENE]
    if grey:
        grey.sort(key=lambda one: one.figures.rest if one.figures else 0.0)
        yield f"<h2>grey scenes, kept: {len(grey)}</h2>\n<p>little colour, but their own; those"
        yield " nearest to none first</p>\n"
        yield from _grid(grey[:_GREYEST])


def _clusters(kept: Sequence[Looked]) -> Iterator[str]:
    for number in sorted({one.cluster for one in kept}):
        members = [one for one in kept if one.cluster == number]
        name = "in no cluster" if number == NOISE else f"cluster {number}"
        yield f"<h2>{name}: {len(members)}</h2>\n<p>weight {members[0].weight:.2f}</p>\n"
        yield from _grid(_spread(members, _PER_CLUSTER * (4 if number == NOISE else 1)))


def _grid(shown: Sequence[Looked], *, pairs: bool = False) -> Iterator[str]:
    yield '<div class="grid">\n'
    for one in shown:
        if pairs and one.like is not None:
            yield f'<figure class="pair"><div>{_image(one.like)}{_image(one.entry)}</div>'
            yield f"<figcaption>kept {_text(one.like.name)}; not {_text(one.entry.name)}"
        else:
            yield f"<figure>{_image(one.entry)}<figcaption>{_text(one.entry.name)}"
        yield "</figcaption></figure>\n"
    yield "</div>\n"


def _spread(items: Sequence[Looked], most: int) -> list[Looked]:
    """At most so many, evenly over all."""
    if len(items) <= most:
        return list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, most).astype(int)]


def _image(entry: Entry) -> str:
    """A small picture; nothing where the file has gone meanwhile."""
    try:
        photo = decode_rgb(entry.read())
    except OSError:
        photo = None
    if photo is None:
        return ""
    scale = min(1.0, _SIDE_PX / max(photo.shape[:2]))
    size = [max(1, round(n * scale)) for n in photo.shape[1::-1]]
    small = cv2.cvtColor(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
    # 4:4:4, or colour would bleed in pictures that are looked at for it
    options = [
        cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]  # fmt: skip
    data = base64.b64encode(cv2.imencode(".jpg", small, options)[1].tobytes()).decode("ascii")
    return (
        f'<img src="data:image/jpeg;base64,{data}" alt="" width="{size[0]}" height="{size[1]}" '
        'loading="lazy">'
    )


def _text(text: str) -> str:
    """Escaped; bytes of file names that aren't UTF-8 come as lone surrogates."""
    return escape(text.encode("utf-8", "replace").decode("utf-8"))
