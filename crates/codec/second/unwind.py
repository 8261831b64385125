"""Section 7.6: the unwind table of Mach-O."""

from bisect import bisect_right
from typing import NamedTuple

from layout import FRAMES64, UNWIND, X86
from primitives import MASK32, MASK64, Counters, Number

ENCODING_CONTEXTS = (29, 31)


class Frame(NamedTuple):
    function: int
    entry: int
    exceptions: int
    length: int


def cap(w):
    return min(w, 1 << 28)


def u32(data, at):
    return int.from_bytes(data[at : at + 4], "little")


def u64(data, at):
    return int.from_bytes(data[at : at + 8], "little")


def read_frames(data, start, base):
    frames = []
    at = 0
    while at + 32 <= len(data):
        length = u32(data, at)
        if length == 0 or length > len(data) - at - 4:
            break
        following = at + 4 + length
        if u32(data, at + 4) != 0 and length >= 20:
            function = start + at + 8 + u64(data, at + 8) - base & MASK32
            exceptions = 0
            if at + 33 <= following and 8 <= data[at + 24] <= 127:
                exceptions = start + at + 25 + u64(data, at + 25) - base & MASK32
            frames.append(Frame(function, at, exceptions, u32(data, at + 16)))
        at = following
    return sorted(frames)


def read_old_rows(data):
    """(function, encoding) of the old table."""

    def word(i):
        return u32(data, i) if i + 4 <= len(data) else 0

    rows = []
    index, count = cap(word(20)), cap(word(24))
    common, common_count = cap(word(4)), word(8)
    for e in range(min(count, len(data) // 12)):
        function, page = word(index + 12 * e), cap(word(index + 12 * e + 4))
        if page == 0:
            continue
        kind, head = word(page), word(page + 4)
        start, n = page + (head & 0xFFFF), head >> 16
        if len(rows) + n > len(data):
            break
        for k in range(n):
            if kind == 2:
                rows.append((word(start + 8 * k), word(start + 8 * k + 4)))
            elif kind == 3:
                v = word(start + 4 * k)
                i = v >> 24
                if i >= common_count:
                    encoding = word(page + (word(page + 8) & 0xFFFF) + 4 * (i - common_count))
                else:
                    encoding = word(common + 4 * i)
                rows.append((function + (v & 0xFFFFFF) & MASK32, encoding))
    return rows


class UnwindTable:
    def __init__(self, region, part):
        self.length = region.length
        old_layout, new_layout = part.old_layout, part.new_layout
        self.x86 = new_layout.first(X86) is not None
        self.dwarf = 0x04000000 if self.x86 else 0x03000000
        frames = new_layout.first(FRAMES64)
        start = new_layout.address(frames.offset) if frames else None
        self.frames = []
        if start is not None:
            self.frames = read_frames(part.new[frames.offset : frames.end], start, new_layout.image_base)
        self.frame_functions = [f.function for f in self.frames]
        self.frame_of = {f.function: f for f in reversed(self.frames)}
        self.throwing = [f.function for f in self.frames if f.exceptions]
        old_region = old_layout.first(UNWIND)
        rows = read_old_rows(part.old[old_region.offset : old_region.end]) if old_region else []
        moved = sorted((part.map.went(old_layout.image_base + f & MASK64)[0] - new_layout.image_base & MASK32, encoding)
                       for f, encoding in rows)
        self.old_encodings = {}
        for function, encoding in moved:
            self.old_encodings.setdefault(function, encoding)
        self.old_functions = sorted(self.old_encodings)
        self.bits = Counters(part.coder, 1536, 60)
        self.numbers = Number(part.coder, 16)
        self.words = []
        self.last = (0, 0)

    def make(self):
        history = 0
        for _ in range(self.length // 4):
            context, candidates = self.guess()
            candidates = [c & MASK32 for c in candidates]
            found = None
            for r, c in enumerate(candidates):
                if r == 1 and c == candidates[0]:
                    continue
                if self.bits.bit(512 * r + 16 * (context & 31) + (history & 7)):
                    found = r
                    break
            history = (2 * history + (found != 0)) & 7
            word = candidates[found] if found is not None else self.missed(context, candidates[0])
            if context in ENCODING_CONTEXTS and word & 0x0F000000 != self.dwarf and word != self.last[0]:
                self.last = (word, self.last[0])
            self.words.append(word)
        made = b"".join(w.to_bytes(4, "little") for w in self.words)
        return made + bytes(self.numbers.number(0) & 255 for _ in range(self.length % 4))

    def missed(self, context, c):
        signed = self.numbers.signed
        if context == 20:
            low = (c & 0xFFFFFF) + signed(1) & 0xFFFFFF
            return (low | (c >> 24) + signed(2) << 24) & MASK32
        return c + signed(max(context & 15, 3)) & MASK32

    def w(self, i):
        return self.words[i] if i < len(self.words) else 0

    def back(self, d):
        return self.words[-d] if d <= len(self.words) else 0

    def frame(self, function):
        return self.frame_of.get(function)

    def frame_after(self, function):
        i = bisect_right(self.frame_functions, function)
        return self.frame_functions[i] if i < len(self.frame_functions) else 0

    def old_after(self, function):
        i = bisect_right(self.old_functions, function)
        return self.old_functions[i] if i < len(self.old_functions) else 0

    def other(self, context=0):
        return context, (self.back(1), self.back(2))

    def guess(self):
        """(context, candidates)"""
        n = len(self.words)
        byte = 4 * n
        if n <= 7:
            return 0, (self.back(1) if n > 0 else 1, self.back(2))
        index = cap(self.w(5))
        count = min(cap(self.w(6)), 1 << 24)
        index_end = index + 12 * count
        if index <= byte < index_end:
            k = (byte - index) % 12 // 4
            before = self.back(1) if byte < index + 12 else self.back(3)
            if k == 1 and byte >= index + 12:
                before += 4096
            return 1 + k, (before, self.back(2))
        if byte < index_end or count == 0:
            return self.other()
        first, end = self.w(index // 4 + 2), self.w((index_end - 12) // 4 + 2)
        if first <= byte < end:
            return self.exceptions(byte - first)
        if byte >= end:
            return self.in_page(n, index, count)
        return self.other()

    def exceptions(self, place):
        if place // 4 % 2 == 0:
            before, i = 0, 0
            if place >= 8:
                before = self.back(2)
                i = bisect_right(self.throwing, before)
            return 8, (self.throwing[i] if i < len(self.throwing) else before, self.back(2))
        f = self.frame(self.back(1))
        return 9, (f.exceptions if f else self.back(1), self.back(2))

    def in_page(self, n, index, count):
        low, high = 0, count
        while low < high:
            middle = (low + high) // 2
            page = self.w((index + 12 * middle) // 4 + 1)
            if page != 0 and page <= 4 * n:
                low = middle + 1
            else:
                high = middle
        if low == 0:
            return self.other()
        entry = (index + 12 * (low - 1)) // 4
        function, page = self.w(entry), self.w(entry + 1) // 4
        place, head, kind = n - page, self.w(page + 1), self.w(page)
        if place == 0:
            return 16, (2, 3)
        if place == 1:
            return 17, (8 | 511 << 16, 12 | 1021 << 16)
        if kind == 2:
            return self.regular(place - 2, head >> 16, function)
        if place == 2:
            return 18, ((head & 0xFFFF) + 4 * (head >> 16), self.back(2))
        if kind == 3:
            return self.compressed(page, place, head, function)
        return self.other()

    def regular(self, place, count, first):
        if place >= 2 * count:
            return 26, (0, self.back(2))
        if place % 2 == 1:
            return self.encoding()
        if place == 0:
            return 28, (first, 0)
        before = self.back(2)
        following, moved = self.frame_after(before), self.old_after(before)
        f = self.frame(before)
        end = before + f.length & MASK32 if f else 0
        if end == following or end == 0:
            end = before + 16 & MASK32
        if moved == following:
            return 30, (following, end)
        if self.x86:
            return 28, (moved, following if before < following < moved else end)
        if end != moved and moved != 0:
            return 28, (following, end, moved)
        return 28, (following, end)

    def encoding(self):
        f = self.frame(self.back(1))
        old = self.old_encodings.get(self.back(1))
        if not f:
            return (31, (old, self.last[0])) if old is not None else (29, self.last)
        plain = self.dwarf | f.entry
        marked = 0x50000000 | plain
        if old is not None and old & 0x0F000000 == self.dwarf:
            form = old & 0xFF000000
            if form == marked & 0xFF000000:
                return 29, (marked, plain)
            return 29, (form | f.entry, marked)
        if old is not None:
            return 29, (old, plain)
        return 29, (plain, marked)

    def compressed(self, page, place, head, first):
        start, count = (head & 0xFFFF) // 4, head >> 16
        own = self.w(page + 2)
        own_start, own_count = (own & 0xFFFF) // 4, own >> 16
        if start <= place < start + count:
            if place == start:
                return 20, (0, self.back(2))
            before = self.back(1)
            distance = self.frame_after(first + (before & 0xFFFFFF) & MASK32) - first & 0xFFFFFF
            most = max(self.back(d) >> 24 for d in range(1, min(4, place - start) + 1))
            return 20, (distance | most + 1 << 24, distance | before & 0xFF000000)
        if own_start <= place < own_start + own_count:
            wanted = self.w(2) + place - own_start
            f = self.frame_of_own(page + start, min(count, 1024), wanted, first)
            return 24, (0x03000000 | f.entry if f else self.back(1), self.back(1))
        return self.other()

    def frame_of_own(self, start, count, wanted, first):
        """The frame of the first row of the page with this encoding."""
        for k in range(count):
            u = self.w(start + k)
            if u >> 24 == wanted:
                return self.frame(first + (u & 0xFFFFFF) & MASK32)
        return None
