"""What a long film and its colorized copy have in common, read with plain PyAV.

Nothing of ``vidcolor`` is imported here, so that a mistake in its reader can't hide the same
mistake in its writer.
"""

from __future__ import annotations

import bisect
import hashlib
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

PLACES = 10
"""Parts of the film for which drift is said one by one."""
_THUMBNAIL = (16, 12)
_LAGS = range(-3, 4)


@dataclass
class Film:
    """All of a film that must not change, and very small pictures.

    Attributes:
        frames: presentation times of all decoded frames in seconds, in order.
        sound: presentation times of all packets of sound in seconds, in order.
        sound_sha256: of all their bytes.
        pictures: grey thumbnails of all frames, ``(N, 12, 16)`` float32 codes in [0, 255].
    """

    frames: list[Fraction] = field(default_factory=list)
    sound: list[Fraction] = field(default_factory=list)
    sound_sha256: str = ""
    pictures: npt.NDArray[np.float32] = field(
        default_factory=lambda: np.zeros((0, 12, 16), np.float32)
    )


def read_film(path: Path) -> Film:
    """Decode all frames, and read all packets of sound.

    Raises:
        IndexError: it has no picture or no sound.
        av.FFmpegError: it can't be opened or decoded.
        ValueError: a frame or a packet has no stamp.
    """
    film, pictures, digest = Film(), [], hashlib.sha256()
    with av.open(str(path)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        for packet in container.demux(video, sound):
            if packet.stream.index == video.index:
                for frame in video.decode(packet):
                    film.frames.append(_seconds(frame))
                    width, height = _THUMBNAIL
                    small = frame.reformat(width=width, height=height, format="gray")
                    pictures.append(small.to_ndarray())
            elif packet.size:  # the last, flushing one is empty
                film.sound.append(_seconds(packet))
                digest.update(bytes(packet))
    film.sound_sha256 = digest.hexdigest()
    film.pictures = np.stack(pictures).astype(np.float32)
    return film


def _seconds(item: av.VideoFrame | av.Packet[Any]) -> Fraction:
    if item.pts is None or item.time_base is None:
        raise ValueError("without a time stamp")
    return item.pts * item.time_base


def compare(source: Film, result: Film) -> dict[str, Any]:
    """Counts of both, largest differences of stamps in ms, drift and lag along the film."""
    return {
        "frames": [len(source.frames), len(result.frames)],
        "sound_packets": [len(source.sound), len(result.sound)],
        "sound_bytes_equal": source.sound_sha256 == result.sound_sha256,
        "frame_stamps_off_ms": _most_ms(source.frames, result.frames),
        "sound_stamps_off_ms": _most_ms(source.sound, result.sound),
        "length_s": round(float(source.frames[-1] - source.frames[0]), 3),
        "drift_at_end_ms": _ms(_lead(result, -1, -1) - _lead(source, -1, -1)),
        "drift_ms": [_drift_ms(source, result, place) for place in range(1, PLACES + 1)],
        "lag_frames": [_lag(source, result, place) for place in range(PLACES)],
    }


def _ms(seconds: Fraction) -> float:
    return round(float(seconds * 1000), 4)


def _most_ms(ours: list[Fraction], theirs: list[Fraction]) -> float:
    """The largest distance of two stamps with the same number."""
    return _ms(max(abs(a - b) for a, b in zip(ours, theirs, strict=False)))


def _lead(film: Film, frame: int, packet: int) -> Fraction:
    """By how many seconds a frame comes after a packet of sound."""
    return film.frames[frame] - film.sound[packet]


def _drift_ms(source: Film, result: Film, place: int) -> float | None:
    """How much a frame came nearer to the sound that was played with it; None if one is gone."""
    frame = len(source.frames) * place // PLACES - 1
    packet = max(0, bisect.bisect_right(source.sound, source.frames[frame]) - 1)
    if frame >= len(result.frames) or packet >= len(result.sound):
        return None
    return _ms(_lead(result, frame, packet) - _lead(source, frame, packet))


def _lag(source: Film, result: Film, place: int) -> int:
    """By how many frames the pictures, not their stamps, come late in a tenth of the film.

    Changes from frame to frame are compared: colour moves the grey of a picture a little, but all
    pictures of a shot alike.
    """
    count = min(len(source.pictures), len(result.pictures))
    first, last = (count * p // PLACES for p in (place, place + 1))
    ours, theirs = (np.diff(film.pictures[first:last], axis=0) for film in (source, result))
    edge, end = len(_LAGS) // 2, len(ours) - len(_LAGS) // 2
    errors = {
        lag: np.abs(theirs[edge + lag : end + lag] - ours[edge:end]).mean()
        for lag in sorted(_LAGS, key=abs)
    }
    return min(errors, key=lambda lag: float(errors[lag]))
