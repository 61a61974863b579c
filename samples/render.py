"""Render everything in this folder: grey photos and a short newsreel, from free photographs.

The photographs are files inside the scikit-image wheel (nothing is downloaded); README.md beside
this script names their sources and licences. Needs numpy, opencv-python, av and scikit-image::

    .venv/bin/pip install -c constraints.txt ".[test]"
    .venv/bin/python samples/render.py            # writes into samples/
    .venv/bin/python samples/render.py some/dir   # or elsewhere

All randomness is seeded: with the versions in constraints.txt the same files come out.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import skimage
from film import Picture, WornFilm
from sound import newsreel_sound

logger = logging.getLogger("samples")

SEED = 1927
SIZE = (480, 360)
"""Width and height of the newsreel in pixels."""
RATE = 24
"""Frames per second."""
SOUND_RATE = 22050
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of R', G', B' in luma, ITU-R BT.601."""


@dataclass(frozen=True)
class Shot:
    """One shot: a slow move over a photograph, or a title card.

    Attributes:
        title: chapter title.
        seconds: its length.
        photo: name of the photograph, or "" for the title card.
        begin, end: (centre x, centre y, width) of the 4:3 window, in the photo's pixels.
    """

    title: str
    seconds: float
    photo: str = ""
    begin: tuple[float, float, float] = (0, 0, 0)
    end: tuple[float, float, float] = (0, 0, 0)


SHOTS = (
    Shot("Title", 1.5),
    Shot("On the launch pad", 2.25, "rocket.jpg", (320, 214, 560), (318, 232, 430)),
    Shot("The pilot", 2.25, "astronaut.png", (215, 175, 350), (262, 215, 490)),
    Shot("A last cup of coffee", 1.75, "coffee.png", (250, 215, 440), (320, 205, 500)),
    Shot("The cat stays at home", 2.25, "chelsea.png", (235, 150, 390), (205, 130, 310)),
)


def photograph(name: str) -> npt.NDArray[np.uint8]:
    """Read one of the photographs in the scikit-image wheel, ``(H, W, 3)`` uint8 RGB."""
    path = Path(skimage.__file__).parent / "data" / name
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise SystemExit(f"{path} can't be read: is scikit-image installed from its wheel?")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8)


def grey(name: str) -> Picture:
    """Grey version of a photograph: its luma, ``(H, W)`` in [0, 1]."""
    return photograph(name).astype(np.float32) @ _LUMA / np.float32(255)


def newsreel_frames() -> Iterator[Picture]:
    """Yield the newsreel's frames, ``(360, 480)`` in [0, 1]."""
    film = WornFilm(np.random.default_rng(SEED), SIZE)
    for shot in SHOTS:
        photo = grey(shot.photo) if shot.photo else _title_card()
        count = round(shot.seconds * RATE)
        for number in range(count):
            picture = _window(photo, shot, number / (count - 1)) if shot.photo else photo
            yield film.wear(picture)


def _window(photo: Picture, shot: Shot, progress: float) -> Picture:
    """Cut the moving window out of a photo, at the newsreel's size, with a print's contrast."""
    x, y, width = (a + (b - a) * progress for a, b in zip(shot.begin, shot.end, strict=True))
    scale = SIZE[0] / width
    move = np.array(
        [[scale, 0, SIZE[0] / 2 - scale * x], [0, scale, SIZE[1] / 2 - scale * y]], np.float32
    )
    picture = cv2.warpAffine(
        photo, move, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    picture = np.clip(picture, 0, 1)
    contrast = picture * picture * (3 - 2 * picture)
    return (0.03 + 0.90 * (0.5 * picture + 0.5 * contrast)).astype(np.float32)


def _title_card() -> Picture:
    """White letters in a double frame on black."""
    card = np.full((SIZE[1], SIZE[0]), 13, np.uint8)
    cv2.rectangle(card, (34, 30), (446, 330), 217, 3, cv2.LINE_AA)
    cv2.rectangle(card, (42, 38), (438, 322), 191, 1, cv2.LINE_AA)
    serif = cv2.FONT_HERSHEY_TRIPLEX
    _centred(card, "VIDCOLOR NEWS", 118, serif, 1.35)
    _centred(card, "presents", 168, cv2.FONT_HERSHEY_COMPLEX, 0.7)
    _centred(card, "THE ROCKET", 228, serif, 1.1)
    _centred(card, "AND THE CAT", 272, serif, 1.1)
    return card.astype(np.float32) / np.float32(255)


def _centred(card: npt.NDArray[np.uint8], text: str, y: int, font: int, scale: float) -> None:
    (width, _), _ = cv2.getTextSize(text, font, scale, 1)
    at = ((SIZE[0] - width) // 2, y)
    cv2.putText(card, text, at, font, scale, 235, 1, cv2.LINE_AA)


def write_newsreel(path: Path) -> None:
    """Write the newsreel: H.264 and AAC in MP4, with chapters and tags."""
    with av.open(str(path), "w", options={"movflags": "+faststart", "fflags": "+bitexact"}) as out:
        out.metadata["title"] = "The Rocket and the Cat"
        out.metadata["comment"] = "Rendered by samples/render.py of vidcolor; photographs: CC0"
        video = out.add_stream("libx264", rate=RATE)
        video.width, video.height = SIZE
        video.pix_fmt = "yuv420p"
        video.options = {"crf": "26", "preset": "slow", "tune": "grain", "threads": "1"}
        context = video.codec_context
        context.color_range, context.colorspace = 1, 6
        context.color_primaries, context.color_trc = 6, 6
        audio = out.add_stream("aac", rate=SOUND_RATE, layout="mono")
        audio.bit_rate = 64_000
        audio.metadata["language"] = "eng"
        out.set_chapters(_chapters())
        sounds = _sound_frames()
        for number, picture in enumerate(newsreel_frames()):
            out.mux(video.encode(_video_frame(picture, number)))
            for sound in islice(sounds, 1):  # 24 frames and 21.5 blocks of sound a second
                out.mux(audio.encode(sound))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))


def _chapters() -> list[av.container.Chapter]:
    chapters: list[av.container.Chapter] = []
    start_ms = 0
    for number, shot in enumerate(SHOTS):
        end_ms = start_ms + round(shot.seconds * 1000)
        chapters.append(
            {
                "id": number,
                "start": start_ms,
                "end": end_ms,
                "time_base": Fraction(1, 1000),
                "metadata": {"title": shot.title},
            }
        )
        start_ms = end_ms
    return chapters


def _video_frame(picture: Picture, number: int) -> av.VideoFrame:
    """Frame of limited-range luma and exactly neutral chroma."""
    width, height = SIZE
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    planes[:height] = np.rint(16 + 219 * picture)
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    frame.pts, frame.time_base = number, Fraction(1, RATE)
    frame.color_range, frame.colorspace = 1, 6
    return frame


def _sound_frames() -> Iterator[av.AudioFrame]:
    seconds = sum(shot.seconds for shot in SHOTS)
    samples = newsreel_sound(seconds, SOUND_RATE, np.random.default_rng(SEED))
    for start in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(
            samples[None, start : start + 1024], format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts = SOUND_RATE, start
        frame.time_base = Fraction(1, SOUND_RATE)
        yield frame


def portrait() -> npt.NDArray[np.uint8]:
    """Plain grey portrait, ``(512, 512)`` uint8."""
    return np.rint(255 * grey("astronaut.png")).astype(np.uint8)


def cat() -> npt.NDArray[np.uint8]:
    """Plain grey picture of a cat, ``(300, 451)`` uint8: both sizes are awkward on purpose."""
    return np.rint(255 * grey("chelsea.png")).astype(np.uint8)


def launch() -> npt.NDArray[np.uint16]:
    """Scan of a negative in 16 bit, ``(288, 400)`` uint16: a dark picture, tones between codes."""
    small = cv2.resize(grey("rocket.jpg")[:410], (400, 288), interpolation=cv2.INTER_AREA)
    return np.rint(65535 * np.clip(small, 0, 1)).astype(np.uint16)


def print_on_paper() -> npt.NDArray[np.uint8]:
    """Faded, sepia-toned print with a white border and creases, ``(H, W, 3)`` uint8 RGB."""
    rng = np.random.default_rng(SEED)
    picture = 0.18 + 0.68 * cv2.GaussianBlur(grey("coffee.png"), (0, 0), 0.8)
    height, width = picture.shape
    picture += cv2.GaussianBlur(rng.standard_normal(picture.shape, np.float32), (0, 0), 0.8) * 0.03
    for _ in range(3):
        ends = rng.uniform(0, 1, (2, 2)) * (width, height)
        cv2.line(picture, ends[0].astype(int), ends[1].astype(int), 0.9, 1, cv2.LINE_AA)
    picture = cv2.copyMakeBorder(picture, 24, 24, 24, 24, cv2.BORDER_CONSTANT, value=0.93)
    shadows, lights = np.array([40, 26, 16.0]), np.array([247, 233, 206.0])
    sepia = shadows + np.clip(picture, 0, 1)[..., None] * (lights - shadows)
    return np.rint(sepia).astype(np.uint8)


def main() -> None:
    """Write all samples into the folder given, by default the script's own."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 88]
    cv2.imwrite(str(folder / "portrait.jpg"), portrait(), quality)
    cv2.imwrite(str(folder / "cat.png"), cat())
    cv2.imwrite(str(folder / "launch_16bit.png"), launch())
    sepia = cv2.cvtColor(print_on_paper(), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(folder / "sepia_print.jpg"), sepia, quality)
    write_newsreel(folder / "newsreel.mp4")
    for path in sorted(folder.glob("*.*[g4]")):
        logger.info("%9d %s", path.stat().st_size, path)


if __name__ == "__main__":
    main()
