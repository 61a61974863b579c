"""AMR speech: packets of several frames, as 3GP files have them, cut into single frames.

libavformat's MP4 family muxer takes one frame a packet only.
"""

from __future__ import annotations

from av.packet import Packet
from av.stream import Stream

# Bytes of a frame by its type (bits 3 to 6 of the first byte): RFC 4867, tables 1a and 1b.
_NB_BYTES = (13, 14, 16, 18, 20, 21, 27, 32, 6, 1, 1, 1, 1, 1, 1, 1)
_WB_BYTES = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 6, 1, 1, 1, 1, 1)


def split_amr(packet: Packet[Stream]) -> list[Packet[Stream]]:
    """Single-frame packets with the same bytes in the same order; the packet itself if it is one.

    Stamps and duration are divided evenly: all frames of AMR last 20 ms.
    """
    codec = packet.stream.codec_context
    sizes = _WB_BYTES if codec is not None and "wb" in codec.codec.canonical_name else _NB_BYTES
    data = bytes(packet)
    parts: list[bytes] = []
    while data:
        size = sizes[data[0] >> 3 & 15]
        parts.append(data[:size])
        data = data[size:]
    if len(parts) <= 1:
        return [packet]
    return [_part(packet, part, index, len(parts)) for index, part in enumerate(parts)]


def _part(packet: Packet[Stream], data: bytes, index: int, count: int) -> Packet[Stream]:
    part = Packet(data)
    offset = (packet.duration or 0) * index // count
    part.time_base = packet.time_base
    part.pts = None if packet.pts is None else packet.pts + offset
    part.dts = None if packet.dts is None else packet.dts + offset
    part.duration = (packet.duration or 0) // count
    part.is_keyframe = packet.is_keyframe
    return part
