"""Sections 2.6 to 2.9: layouts, contents, offsets and addresses."""

from bisect import bisect_right
from typing import NamedTuple

from primitives import MASK64, Counters, Number, PatchError

X86, ARM64 = 1, 2
FRAMES32, FRAMES64, FRAME_INDEX = 4, 5, 6
FUNCTIONS12, FUNCTIONS8, UNWIND, GO_LINES = 7, 8, 9, 10
UNWIND_DATA, PAGE_DIGESTS, FIND_FUNCTION = 16, 17, 18
BASE_RELOCATIONS, REBASES, FUNCTION_STARTS = 19, 20, 21
HIGHEST_CONTENT = 22
DERIVED = {6, 7, 8, 9, 17, 18, 19, 20, 21}
CLASSES = [8, 1, 2, 3, 5, 5, 4, 4, 4, 5, 6, 8, 7, 7, 8, 8, 7, 8, 8, 8, 8, 8, 7]


class Segment(NamedTuple):
    offset: int
    address: int
    length: int


class Zeroed(NamedTuple):
    address: int
    length: int


class Region(NamedTuple):
    content: int
    offset: int
    length: int

    @property
    def end(self):
        return self.offset + self.length


class Layout:
    def __init__(self):
        self.segments = []
        self.zeroed = []
        self.image_base = 0
        self.bases = []
        self.go = None
        self.regions = []

    def address(self, offset):
        for start, address, length in self.segments:
            if (offset - start) & MASK64 < length:
                return address + offset - start & MASK64
        return None

    def offset(self, address):
        for start, first, length in self.segments:
            if (address - first) & MASK64 < length:
                return start + ((address - first) & MASK64)
        return None

    def finish(self, size):
        self.regions = sorted((r for r in self.regions if r.length > 0), key=lambda r: r.offset)
        end = 0
        for region in self.regions:
            if region.offset < end or region.end > size:
                raise PatchError("regions overlap or lie outside of the file")
            end = region.end
        for segment in self.segments:
            if segment.offset + segment.length > size or segment.address + segment.length > MASK64:
                raise PatchError("a segment lies outside of the file or of the addresses")
        if any(z.address + z.length > MASK64 for z in self.zeroed):
            raise PatchError("a zeroed range lies outside of the addresses")
        self.region_offsets = [r.offset for r in self.regions]
        self.low = min((s.address for s in self.segments), default=0)
        ends = [s.address + s.length for s in self.segments] + [z.address + z.length for z in self.zeroed]
        self.high = max(ends, default=0)

    def region_at(self, offset):
        """The region that holds the offset, or None."""
        i = bisect_right(self.region_offsets, offset) - 1
        return self.regions[i] if i >= 0 and offset < self.regions[i].end else None

    def regions_within(self, start, end):
        """The regions that share bytes with start .. end - 1."""
        i = max(bisect_right(self.region_offsets, start) - 1, 0)
        while i < len(self.regions) and self.regions[i].offset < end:
            if self.regions[i].end > start:
                yield self.regions[i]
            i += 1

    def first(self, content):
        return next((r for r in self.regions if r.content == content), None)

    def in_range(self, address):
        return (address - self.low) & MASK64 < (self.high - self.low) & MASK64


class LayoutReader:
    def __init__(self, coder):
        self.right = Counters(coder, 1, 60)
        self.recent = Counters(coder, 3, 60)
        self.differences = [0, 0, 0]
        self.numbers = Number(coder, 2)

    def guessed(self, guess):
        if self.right.bit():
            return guess & MASK64
        for k in range(3):
            if self.recent.bit(k):
                d = self.differences[k]
                break
        else:
            d = self.numbers.signed(0)
        del self.differences[k]
        self.differences.insert(0, d)
        return guess + d & MASK64

    def count(self):
        n = self.numbers.number(1)
        if n > 512:
            raise PatchError("too many entries in a layout")
        return n

    def addresses(self, like):
        layout = Layout()
        last = Segment(0, 0, 0)
        for i in range(self.count()):
            known = like.segments[i] if i < len(like.segments) else None
            offset = self.guessed(known.offset if known else last.offset + last.length)
            address = self.guessed(known.address if known else last.address + (offset - last.offset))
            length = self.guessed(known.length if known else 0)
            last = Segment(offset, address, length)
            layout.segments.append(last)
        for i in range(self.count()):
            known = like.zeroed[i] if i < len(like.zeroed) else None
            address = self.guessed(known.address if known else last.address + last.length)
            layout.zeroed.append(Zeroed(address, self.guessed(known.length if known else 0)))
        layout.image_base = self.guessed(like.image_base)
        base = 0
        for i in range(self.count()):
            base = self.guessed(like.bases[i] if i < len(like.bases) else base)
            layout.bases.append(base)
        if self.guessed(1 if like.go else 0) != 0:
            layout.go = [self.guessed(like.go[i] if like.go else 0) for i in range(7)]
        return layout

    def regions(self, old, new):
        old_end = new_end = 0
        for _ in range(self.count()):
            content = self.numbers.number(1)
            if content > HIGHEST_CONTENT:
                raise PatchError("an unknown content")
            old_offset = self.guessed(old_end)
            old_length = self.guessed(0)
            moved = old_offset - old_end
            old_end = min(old_offset + old_length, MASK64)
            new_offset = self.guessed(new_end + moved)
            new_length = self.guessed(old_length)
            new_end = min(new_offset + new_length, MASK64)
            old.regions.append(Region(content, old_offset, old_length))
            new.regions.append(Region(content, new_offset, new_length))


def read_layouts(coder, old_size, new_size):
    reader = LayoutReader(coder)
    old = reader.addresses(Layout())
    new = reader.addresses(old)
    reader.regions(old, new)
    old.finish(old_size)
    new.finish(new_size)
    return old, new
