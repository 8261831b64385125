"""Codec bidiff (formats.md, "Patch file")."""

import frames
from primitives import PatchError, strict_leb, unzigzag


def decode(old, body, new_size, window):
    stream = unfold(frames.unpack(frames.split(body), window), 2 * new_size + 65536)
    at = 0
    cursor = 0
    new = bytearray()
    while at < len(stream):
        add, at = strict_leb(stream, at)
        differences, at = take(stream, at, add)
        if cursor < 0 or cursor + add > len(old):
            raise PatchError("an add reaches out of the old file")
        new += bytes((a + b) & 255 for a, b in zip(differences, old[cursor : cursor + add]))
        cursor += add
        copy, at = strict_leb(stream, at)
        copied, at = take(stream, at, copy)
        new += copied
        seek, at = strict_leb(stream, at)
        cursor += unzigzag(seek)
        if len(new) > new_size:
            raise PatchError("more comes out than to_size")
    if len(new) != new_size:
        raise PatchError("less comes out than to_size")
    return new


def unfold(folded, limit):
    stream = bytearray()
    at = 0
    while at < len(folded):
        zero = folded.find(0, at)
        if zero < 0:
            zero = len(folded)
        stream += folded[at:zero]
        at = zero
        if at < len(folded):
            more, at = strict_leb(folded, at + 1)
            if more > limit:
                raise PatchError("the stream is too long")
            stream += bytes(1 + more)
        if len(stream) > limit:
            raise PatchError("the stream is too long")
    return stream


def take(stream, at, n):
    if at + n > len(stream):
        raise PatchError("the frames end in a record")
    return stream[at : at + n], at + n
