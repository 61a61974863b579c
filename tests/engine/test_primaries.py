"""A film's primaries: the output keeps the tag, and a player that follows it shows the same."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from skimage import color as skcolor
from skimage import data

import vidcolor

TO_XYZ_2020 = np.array(((0.63696, 0.14462, 0.16888), (0.26270, 0.67800, 0.05930), (0.0, 0.02807, 1.06099)))  # fmt: skip  # noqa: E501


def _film(path: Path, primaries: int, matrix: int) -> Path:
    grey = data.astronaut()[:240:2, 100:420:2].mean(axis=2)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv444p10le"
        context = stream.codec_context
        context.color_primaries, context.color_trc = primaries, 14 if matrix == 9 else 1
        context.colorspace, context.color_range = matrix, 1
        frame = av.VideoFrame(160, 120, "yuv444p10le")
        luma = (64 + grey * 876 / 255).round().astype("<u2")
        for plane, values in zip(frame.planes, (luma, luma * 0 + 512, luma * 0 + 512), strict=True):
            lines = np.frombuffer(memoryview(plane), "<u2").reshape(120, -1)
            lines[:, :160] = values
        frame.pts, frame.time_base = 0, Fraction(1, 24)
        out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def _shown(path: Path, kr: float, kb: float) -> tuple[np.ndarray, int]:
    """R'G'B' of the first frame, by ITU-T H.273, and the primaries it is tagged with."""
    with av.open(str(path)) as film:
        frame = next(film.decode(video=0))
        assert frame.format.name == "yuv444p10le"
        planes = [
            np.frombuffer(memoryview(p), "<u2").reshape(120, -1)[:, :160] for p in frame.planes
        ]
        y, cb, cr = (p.astype(np.float64) for p in planes)
        y, cb, cr = (y - 64) / 876, (cb - 512) / 896, (cr - 512) / 896
        r, b = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
        rgb = np.stack((r, (y - kr * r - kb * b) / (1 - kr - kb), b), -1)
        return np.clip(rgb, 0, 1), int(frame.color_primaries)


def test_a_film_in_bt2020_shows_the_colours_of_the_same_film_in_bt709(tmp_path: Path) -> None:
    options = vidcolor.ColorizeOptions(video_codec="ffv1", model="compact")
    outputs = []
    for name, primaries, matrix in (("709", 1, 1), ("2020", 9, 9)):
        source = _film(tmp_path / f"{name}.mkv", primaries, matrix)
        outputs.append(tmp_path / f"{name}-colour.mkv")
        vidcolor.colorize_video(source, outputs[-1], options=options)
    usual, tagged = _shown(outputs[0], 0.2126, 0.0722)
    assert tagged == 1
    wide, tagged = _shown(outputs[1], 0.2627, 0.0593)
    assert tagged == 9
    linear = np.where(wide > 0.04045, ((wide + 0.055) / 1.055) ** 2.4, wide / 12.92)
    lab = skcolor.xyz2lab(linear @ TO_XYZ_2020.T)
    want = skcolor.rgb2lab(usual)
    assert np.linalg.norm(want[..., 1:], axis=-1).mean() > 5, (
        "a picture without colour shows nothing"
    )
    # Codes of 10 bits: one of chroma is 0.3 of a or b, and 0.1 of L* where it is dark.
    assert np.quantile(np.abs(lab - want)[..., 1:], 0.99) < 1.0
    assert np.quantile(np.abs(lab - want)[..., 0], 0.99) < 0.25
