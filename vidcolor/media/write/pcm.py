"""PCM of DVD and Blu-ray, decoded to plain PCM with the same samples.

Both put a header before each block of samples and use a sample order of their own; few containers
hold that.
"""

from __future__ import annotations

from typing import cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

DISC_CODECS = ("pcm_bluray", "pcm_dvd")


def plain_codec(stream: Stream) -> str | None:
    """The PCM codec that holds all bits of a disc's sound; None for other streams."""
    audio = stream.codec_context
    if not isinstance(audio, AudioCodecContext) or audio.codec.canonical_name not in DISC_CODECS:
        return None
    if not audio.sample_rate or not audio.layout.nb_channels:
        return None
    # both decoders give 32 bits for 20 and 24, with zeros below
    return "pcm_s16le" if audio.format.name == "s16" else "pcm_s24le"


class PcmRecoder:
    """Turns a disc's packets into packets of plain PCM.

    Args:
        output: the container, not yet started.
        stream: the disc's sound; ``plain_codec`` knows it.
        codec: what ``plain_codec`` says.

    Attributes:
        target: the new stream in ``output``.

    Raises:
        ValueError: the container doesn't hold such sound.
    """

    def __init__(self, output: OutputContainer, stream: Stream, codec: str) -> None:
        source = cast(AudioCodecContext, stream.codec_context)
        self.target = cast(AudioStream, output.add_stream(codec, rate=source.sample_rate))
        self.target.codec_context.layout = source.layout
        self.target.codec_context.format = source.format
        name = source.codec.canonical_name
        self._decoder = cast(AudioCodecContext, av.CodecContext.create(name, "r"))
        self._decoder.sample_rate, self._decoder.layout = source.sample_rate, source.layout

    def recode(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """The same samples in packets of ``target``.

        Raises:
            av.error.InvalidDataError: the packet is damaged.
        """
        frames = self._decoder.decode(packet)
        return [made for frame in frames for made in self.target.codec_context.encode(frame)]
