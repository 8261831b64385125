"""Section 7: derived regions."""

import hashlib
from typing import NamedTuple

import unwind
from layout import (BASE_RELOCATIONS, FIND_FUNCTION, FRAME_INDEX, FRAMES32, FRAMES64, FUNCTION_STARTS, FUNCTIONS8,
                    FUNCTIONS12, GO_LINES, PAGE_DIGESTS, REBASES, UNWIND)
from primitives import MASK32, MASK64, Counters, Number, PatchError, clamp, lax_leb, signed

NONE32 = MASK32


def u32(data, at):
    return int.from_bytes(data[at : at + 4], "little")


def u64(data, at):
    return int.from_bytes(data[at : at + 8], "little")


def le32(v):
    return (v & MASK32).to_bytes(4, "little")


def source(region, layout):
    """2.14: the region of the new file that must be there first, or None."""
    of = {FRAME_INDEX: FRAMES32, FIND_FUNCTION: GO_LINES, UNWIND: FRAMES64}
    return layout.first(of[region.content]) if region.content in of else None


def check_parameters(region, parameters):
    """2.10"""
    limit, page = parameters
    if region.content == PAGE_DIGESTS and not (0 <= limit <= region.offset and 12 <= page <= 16):
        raise PatchError("parameters of page digests are out of bounds")


def check(region, layout):
    """7.3: what is an error before the first byte of the part."""
    if region.content == FIND_FUNCTION and (layout.first(GO_LINES) is None or 1 <= region.length % 20 <= 4):
        raise PatchError("Go's table of functions can't be derived")


def make(region, parameters, part):
    if region.content == PAGE_DIGESTS:
        return page_digests(parameters, part.new)
    if region.content == FRAME_INDEX:
        return frame_index(region, part.new, part.new_layout)
    if region.content == FIND_FUNCTION:
        return find_function(region, part.new, part.new_layout)
    if region.content in (FUNCTIONS12, FUNCTIONS8):
        return FunctionTable(region, parameters[0], part).make()
    if region.content == UNWIND:
        return unwind.UnwindTable(region, part).make()
    return address_list(region, part)


# 7.1


def page_digests(parameters, new):
    limit, page = parameters
    size = 1 << page
    return b"".join(hashlib.sha256(new[at : min(at + size, limit)]).digest() for at in range(0, limit, size))


# 7.2


def frame_index(region, new, layout):
    frames = layout.first(FRAMES32)
    index = layout.address(region.offset)
    start = layout.address(frames.offset) if frames else None
    if index is None or start is None or region.length < 12:
        raise PatchError("no index of frames can be made")
    data = new[frames.offset : frames.end]
    rows = []
    at = 0
    while at + 8 <= len(data):
        length = u32(data, at)
        if length == 0:
            break
        following = at + 4 + length
        if following > len(data) or length < 12:
            raise PatchError("frames are damaged")
        if u32(data, at + 4) != 0:
            function = start + at + 8 + signed(u32(data, at + 8), 32)
            rows.append((signed(function - index, 32), signed(start + at - index, 32)))
        at = following
    made = b"\x01\x1b\x03\x3b" + le32(start - (index + 4)) + le32(len(rows))
    made += b"".join(le32(a) + le32(b) for a, b in sorted(rows))
    return made + bytes(region.length - len(made))


# 7.3


def find_function(region, new, layout):
    table = layout.first(GO_LINES)
    data = new[table.offset : table.end]
    rest = region.length % 20
    parts = 16 * (region.length // 20) + (rest - 4 if rest > 0 else 0)
    count, first = u64(data, 8), u64(data, 64)
    if len(data) < 72 or first < 72 or first + 8 * count + 4 > len(data):
        raise PatchError("Go's line table is damaged")
    starts = [u32(data, first + 8 * i) for i in range(count + 1)]
    if (count < 1 or any(a > b for a, b in zip(starts, starts[1:])) or not 0 < starts[count] <= 1 << 30
            or -(-starts[count] // 256) != parts):
        raise PatchError("Go's functions do not fit their table")
    first_of = [NONE32] * parts
    for i in range(count - 1, -1, -1):
        if starts[i] < starts[i + 1]:
            for p in range(starts[i] // 256, (starts[i + 1] - 1) // 256 + 1):
                first_of[p] = i
    made = bytearray()
    for bucket in range(0, parts, 16):
        values = first_of[bucket : bucket + 16]
        made += le32(values[0]) + bytes((v - values[0]) & 255 for v in values)
    return made


# 3.10, 7.4


def unwind_length(data, is_arm64):
    if is_arm64:
        return arm64_unwind_length(data)
    if len(data) < 4:
        return 4
    flags = data[0] >> 3
    return 4 + 2 * (data[2] + 1 & ~1) + (12 if flags & 4 else 8 if flags & 3 else 0)


def arm64_unwind_length(data):
    if len(data) < 8:
        return 4
    head = u32(data, 0)
    epilogues, codes, size = head >> 22 & 31, head >> 27, 4
    if epilogues == 0 and codes == 0:
        second = u32(data, 4)
        epilogues, codes, size = second & 0xFFFF, second >> 16 & 0xFF, 8
    return size + (0 if head >> 21 & 1 else 4 * epilogues) + 4 * codes + (8 if head >> 20 & 1 else 0)


class Row(NamedTuple):
    moved: int
    start: int
    end: int
    has_address: int
    unwind: int


def packed(unwind_):
    return unwind_ & 3 != 0 and unwind_ < 1 << 32


class FunctionTable:
    """7.4: function tables of PE."""

    def __init__(self, region, first, part):
        self.region = region
        self.first = first  # bytes of the new file before this offset count as missing
        self.new = part.new
        self.layout = part.new_layout
        self.went = lambda a: part.map.went(a & MASK64)[0]
        self.is_arm64 = region.content == FUNCTIONS8
        self.size = 8 if self.is_arm64 else 12
        self.old_base = part.old_layout.image_base
        self.new_base = part.new_layout.image_base
        self.read_old_rows(part.old, part.old_layout.first(region.content))
        self.bits = Counters(part.coder, 128, 120)
        self.numbers = Number(part.coder, 8)

    def read_old_rows(self, old, region):
        rows = []
        at = region.offset if region else 0
        while region and at + self.size <= region.end:
            start = u32(old, at)
            if start == 0:
                break
            end = 0 if self.is_arm64 else u32(old, at + 4)
            info = u32(old, at + self.size - 4)
            has_address = 0 if self.is_arm64 and info & 3 else 1
            rows.append(Row(self.went(self.old_base + start), start, end, has_address, info))
            at += self.size
        self.sorted = all(a.start <= b.start for a, b in zip(rows, rows[1:]))
        self.order = [row.moved for row in rows]
        self.last_in_order = {moved: i for i, moved in enumerate(self.order)}
        self.rows = sorted(rows)
        self.row_of = {}
        for row in self.rows:
            self.row_of.setdefault(row.moved, row)

    def near(self, context, start):
        return start + self.numbers.signed(context) & MASK64

    def behind(self, unwind_):
        o = self.layout.offset(unwind_)
        if o is None:
            return unwind_
        return unwind_ + unwind_length(self.bytes_at(o), self.is_arm64) & MASK64

    def make(self):
        made = bytearray()
        self.last_end = self.last = self.highest = self.last_unwind = 0
        self.history = self.p = 0
        while len(made) + self.size <= self.region.length:
            start = self.start()
            row = self.row_of.get(start)
            self.a = self.behind(self.last)
            self.b = self.behind(self.highest)
            end = 0 if self.is_arm64 else self.end(start, row)
            info = self.unwind(row)
            if self.is_arm64:
                end = start + 4 * (info >> 2 & 0x7FF if packed(info) else self.head(info) & 0x3FFFF) & MASK64
            self.last_end, self.last_unwind = end, info
            if not packed(info):
                self.last = info
                self.highest = max(self.highest, info)
            made += le32(start - self.new_base)
            if not self.is_arm64:
                made += le32(end - self.new_base)
            made += le32(info if self.is_arm64 and packed(info) else info - self.new_base)
        return made

    def start(self):
        bit, h = self.bits.bit, self.history & 3
        if self.sorted:
            while self.p < len(self.rows) and self.rows[self.p].moved < self.last_end:
                self.p += 1
            following = self.rows[self.p].moved if self.p < len(self.rows) else 0
        else:
            following = self.order[self.p] if self.p < len(self.order) else 0
        aligned = self.last_end if self.is_arm64 else (self.last_end + 15) & MASK64 & ~15
        if bit(4 * (aligned == following) + h):
            start = following
        elif aligned != following and bit(8 + h):
            start = aligned
        else:
            start = self.near(0, self.last_end)
        self.history = 2 * self.history + (start == following)
        if not self.sorted and start in self.last_in_order:
            self.p = self.last_in_order[start] + 1
        return start

    def end(self, start, row):
        if row is None:
            return start + self.numbers.number(3) & MASK64
        m = self.went(self.old_base + row.end)
        same = start + (row.end - row.start) & MASK64
        if self.bits.bit(16 + (m == same)):
            return m
        if m != same and self.bits.bit(18):
            return same
        return self.near(1, m)

    def unwind(self, row):
        bit, numbers, a, b = self.bits.bit, self.numbers, self.a, self.b
        h = self.history >> 4 & 3
        if row and not row.has_address:
            if bit(80 + h):
                return row.unwind
            if bit(84):
                return numbers.number(5) ^ row.unwind
            if bit(86):
                return a
            return self.near(4, a)
        if row:
            m = self.went(self.old_base + row.unwind)
            if bit(32 + 4 * (m == a) + h):
                return a
            if m != a and bit(48 + h):
                return m
            if b != a and b != m and bit(70):
                return b
            if self.is_arm64 and bit(85):
                return numbers.number(6)
            return self.near(2, a)
        if self.is_arm64 and bit(88):
            return numbers.number(7)
        if bit(64):
            return a
        if b != a and bit(71):
            return b
        if not self.sorted and bit(74):
            return self.last_unwind
        return self.near(4, a)

    def head(self, unwind_):
        o = self.layout.offset(unwind_)
        return 0 if o is None else u32(self.bytes_at(o), 0)

    def bytes_at(self, o):
        """The first 8 bytes from the offset on, as far as they are there."""
        return self.new[o : min(o + 8, self.region.offset)] if o >= self.first else b""


# 7.5


def parse_list(content, data, layout):
    if content == BASE_RELOCATIONS:
        return parse_relocations(data, layout)
    if content == FUNCTION_STARTS:
        return parse_function_starts(data, layout)
    return parse_rebases(data, layout)


def entry_of(address, kind=0):
    return address << 4 & MASK64 | kind


def parse_relocations(data, layout):
    entries = []
    at = 0
    while at + 8 <= len(data):
        page, n = u32(data, at), u32(data, at + 4)
        if n < 8 or n > len(data) - at:
            break
        for i in range(at + 8, at + n - 1, 2):
            v = data[i] | data[i + 1] << 8
            if v >> 12 != 0:
                entries.append(entry_of(layout.image_base + page + (v & 0xFFF), v >> 12))
        at += n
    return entries


def parse_function_starts(data, layout):
    entries = []
    address = layout.image_base
    at = 0
    while at < len(data):
        found = lax_leb(data, at, len(data))
        if found is None:
            return []
        d, at = found
        if d == 0:
            break
        address += d
        entries.append(entry_of(address))
    return entries


def parse_rebases(data, layout):
    entries = []
    if data[:1] != b"\x11":
        return []
    at = 1
    while at < len(data) and data[at] >> 4 == 2:
        s = data[at] & 15
        found = lax_leb(data, at + 1, len(data))
        if not 1 <= s <= len(layout.segments) or found is None:
            return []
        d, at = found
        if data[at : at + 1] != b"\x51":
            return []
        at += 1
        entries.append(entry_of(layout.segments[s - 1].address + d))
    return entries


class ListReader:
    """The entries of a derived list."""

    def __init__(self, region, part):
        self.content = region.content
        self.limit = region.length
        old_region = part.old_layout.first(region.content)
        data = part.old[old_region.offset : old_region.end] if old_region else b""
        entries = parse_list(region.content, data, part.old_layout)
        self.sorted = all(a <= b for a, b in zip(entries, entries[1:]))
        self.moved = [entry_of(part.map.went(e >> 4)[0], e & 15) for e in entries]
        if self.sorted:
            self.moved = sorted(set(self.moved))
        self.last_place = {e: i for i, e in enumerate(self.moved)}
        self.bits = Counters(part.coder, 256, 250)
        self.numbers = Number(part.coder, 4)

    def entries(self):
        count = self.numbers.number(3)
        if count > self.limit:
            raise PatchError("too many entries in a derived list")
        made = []
        self.history = self.next = self.last = 0
        stride = 128
        for _ in range(count):
            entry = self.entry(self.last + stride & MASK64)
            if self.content != FUNCTION_STARTS and made and self.last < entry < self.last + 16384:
                stride = entry - self.last
            self.last = entry
            made.append(entry)
        return made

    def entry(self, again):
        moved, m, bit = self.moved, len(self.moved), self.bits.bit
        if self.sorted:
            while self.next < m and moved[self.next] <= self.last:
                self.next += 1
        guess = moved[self.next] if self.next < m else 0
        history = self.history
        if bit(64 * (guess == again) + (history & 63)):
            self.history = 2 * history & MASK64
            self.next += 1
            return guess
        self.history = history = (2 * history + 1) & MASK64
        if again != guess and bit(128 + (history & 63)):
            if not self.sorted and again in self.last_place:
                self.next = self.last_place[again] + 1
            return again
        if bit(192 + (history & 7)):
            i = clamp(signed(self.next + self.numbers.signed(0)), 0, m)
            self.next = i + 1
            return moved[i] if i < m else 0
        kind = self.numbers.number(2) & 15 if bit(200) else self.last & 15
        return entry_of((self.last >> 4) + self.numbers.signed(1), kind)


def address_list(region, part):
    entries = ListReader(region, part).entries()
    build = {BASE_RELOCATIONS: build_relocations, FUNCTION_STARTS: build_function_starts, REBASES: build_rebases}
    made = build[region.content](entries, part.new_layout)
    if len(made) > region.length:
        raise PatchError("a derived list is too long")
    return made + bytes(region.length - len(made))


def build_relocations(entries, layout):
    blocks = []
    for entry in entries:
        address = entry >> 4
        page = address - layout.image_base & MASK64 & ~0xFFF
        if not blocks or blocks[-1][0] != page:
            blocks.append((page, []))
        blocks[-1][1].append((address & 0xFFF | (entry & 15) << 12).to_bytes(2, "little"))
    made = bytearray()
    for page, items in blocks:
        even = len(items) + 1 & ~1
        made += le32(page) + le32(8 + 2 * even) + b"".join(items) + bytes(2 * (even - len(items)))
    return made


def leb(v):
    made = bytearray()
    while v >= 0x80:
        made.append(v & 0x7F | 0x80)
        v >>= 7
    made.append(v)
    return made


def build_function_starts(entries, layout):
    made = bytearray()
    address = layout.image_base
    for entry in entries:
        made += leb((entry >> 4) - address & MASK64)
        address = entry >> 4
    return made


def build_rebases(entries, layout):
    made = bytearray(b"\x11")
    for entry in entries:
        address = entry >> 4
        for k, segment in enumerate(layout.segments):
            if address - segment.address & MASK64 < segment.length:
                break
        else:
            raise PatchError("an address of a derived list lies in no segment")
        made.append(0x20 | (k + 1) & 15)
        made += leb(address - segment.address)
        made.append(0x51)
    return made
