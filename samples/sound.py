"""The newsreel's sound: a small tune on a tired piano, and the projector it runs through.

The tune was made up for this script. Samples are float32 mono in [-1, 1].
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

_BEAT_S = 0.25
_MELODY = (
    # (beats, MIDI notes): C major, 4 beats to a bar; None rests
    "1:76 1:79 1:84 1:79  1:81 1:79 2:76  1:77 1:76 1:74 1:71  2:72 2:67 "
    "1:76 1:79 1:84 1:88  1:86 1:84 2:81  1:79 1:77 1:74 1:71  4:72"
)
_CHORDS = (48, 53, 55, 48, 48, 53, 55, 48)
"""Root of each bar's chord, as MIDI notes."""


def newsreel_sound(seconds: float, rate: int, rng: np.random.Generator) -> Samples:
    """Synthesise the sound track.

    Args:
        seconds: its length; the tune repeats and fades at the end.
        rate: samples per second.
        rng: source of the noise.

    Returns:
        ``(round(seconds * rate),)`` float32, peak at most 0.8.
    """
    count = round(seconds * rate)
    track = _tune(count, rate) + 0.35 * _projector(count, rate, rng)
    fade = np.clip((count - np.arange(count)) / (0.5 * rate), 0, 1)
    track = _narrow_band(track, rate) * fade
    return (0.8 * track / np.abs(track).max()).astype(np.float32)  # type: ignore[no-any-return]


def _tune(count: int, rate: int) -> Samples:
    """Melody over an oom-pah left hand, ``(count,)``."""
    track = np.zeros(count, np.float32)
    beat = 0.0
    while beat * _BEAT_S * rate < count:
        for item in _MELODY.split():
            beats, note = item.split(":")
            _add_note(track, beat * _BEAT_S, int(note), 0.30, rate)
            beat += float(beats)
        start = beat - 4 * len(_CHORDS)
        for bar, root in enumerate(_CHORDS):
            for step, notes in enumerate(((root,), (root + 12, root + 16, root + 19)) * 2):
                for note_number in notes:
                    _add_note(track, (start + 4 * bar + step) * _BEAT_S, note_number, 0.14, rate)
    return track


def _add_note(track: Samples, at_s: float, note: int, level: float, rate: int) -> None:
    """Add one struck string: harmonics that die away the faster the higher they are."""
    begin = round(at_s * rate)
    length = min(rate, len(track) - begin)
    if length <= 0:
        return
    t = np.arange(length) / rate
    pitch_hz = 440 * 2 ** ((note - 69) / 12)
    tone = np.zeros(length)
    for harmonic in range(1, 7):
        # stiff strings stretch their overtones, and two strings per note beat against each other
        f = pitch_hz * harmonic * (1 + 0.0004 * harmonic**2)
        strings = np.sin(2 * np.pi * f * t) + np.sin(2 * np.pi * f * 1.002 * t)
        tone += strings * np.exp(-t * (2.5 + 1.8 * harmonic)) / harmonic**1.4
    attack = np.minimum(t / 0.004, 1)
    track[begin : begin + length] += (level * attack * tone).astype(np.float32)


def _projector(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """Hiss, crackle, and the claw's click 24 times a second, ``(count,)``."""
    noise = rng.standard_normal(count).astype(np.float32)
    t = np.arange(count) / rate
    claw = np.exp(-((t * 24) % 1) * 14)
    crackle = (rng.random(count) < 6 / rate) * rng.normal(0, 4, count)
    return (0.05 * noise + 0.22 * noise * claw + 0.3 * crackle).astype(np.float32)


def _narrow_band(track: npt.NDArray[np.floating], rate: int) -> npt.NDArray[np.float64]:
    """Keep what an optical sound track of the time could carry: about 150 to 4500 Hz."""
    spectrum = np.fft.rfft(track)
    f = np.fft.rfftfreq(len(track), 1 / rate)
    keep = 1 / (1 + (150 / np.maximum(f, 1)) ** 4) / (1 + (f / 4500) ** 8)
    return np.fft.irfft(spectrum * keep, len(track))
