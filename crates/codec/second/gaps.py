"""Section 5: literals, what comes again, holes, destinations."""

from collections import Counter
from typing import NamedTuple

import fields
from code import START, Automaton
from fields import BRANCH26, OPCODE, PAGE, RELATIVE32, word_at
from layout import ARM64, CLASSES
from primitives import MASK32, MASK64, Counters, MixedBit, Nibbles, Number, Rank, hash64

PIECE = 8192
FOR_DATA, FOR_CALL, FOR_JUMP = range(3)


class Hole(NamedTuple):
    at: int
    kind: int
    purpose: int
    opcode: int = 0
    shift: int = 0


def ring_width(n):
    """5.4: the ring of a part of which n bytes are in no match, as a power of two."""
    return min(max((max(n, 1) - 1).bit_length(), 12), 22)


class Repeat:
    """5.4: what comes again."""

    def __init__(self, coder, gap_bytes):
        width = ring_width(gap_bytes)
        self.mask = (1 << width) - 1
        self.ring = bytearray(1 << width)
        self.table_mask = (1 << (width - 3)) - 1
        self.long = [0] * (1 << (width - 3))
        self.short = [0] * (1 << (width - 3))
        self.place = self.last = 0
        self.source = self.length = self.misses = 0
        self.right = MixedBit(coder, 3, 13, 64)

    def begin(self):
        self.source = self.length = self.misses = 0

    def push(self, byte):
        self.ring[self.place & self.mask] = byte
        self.last = (self.last << 8 | byte) & MASK64
        self.place = (self.place + 1) & MASK32
        self.source = (self.source + 1) & MASK32

    def equal(self, start):
        ring, mask, place = self.ring, self.mask, self.place
        n = 0
        while n < 16 and ring[(start - n - 1) & mask] == ring[(place - n - 1) & mask]:
            n += 1
        return n

    def improve(self, start, least):
        if start == 0:
            return
        n = self.equal(start)
        if n >= least and n >= self.length:
            self.source = start
            self.length = n
            self.misses = min(self.misses, 1)

    def look(self):
        if self.length >= 16:
            return
        i = hash64(self.last & 0xFFFFFFFFFFFF, 3) & self.table_mask
        j = hash64(self.last & 0xFFFFFF, 3) & self.table_mask
        start, self.long[i] = self.long[i], self.place
        self.improve(start, 6)
        start, self.short[j] = self.short[j], self.place
        if self.length == 0:
            self.improve(start, 3)

    def again(self, unit, state, model):
        """A byte or a word: the guess if it is right, else what model() reads."""
        self.look()
        if self.length > 0 or 1 <= self.misses <= 8:
            guess = sum(self.ring[(self.source + i) & self.mask] << (8 * i) for i in range(unit))
            if self.is_right(unit, state, guess):
                self.length += unit
                if self.length >= 16:
                    self.misses = 0
                self.push_all(guess, unit)
                return guess
            self.length = 0
            self.misses += 1
        value = model()
        self.push_all(value, unit)
        return value

    def is_right(self, unit, state, guess):
        worth = min(self.length // unit, 15) + 16 * min(self.misses, 3)
        last = self.last & 255
        if unit == 1:
            contexts = (worth << 8 | guess, state << 6 | worth, hash64(guess, last))
        else:
            top = guess >> 24
            contexts = (worth << 8 | top, hash64(guess, 1), hash64(top, last))
        return self.right.bit(contexts, worth)

    def push_all(self, value, unit):
        for i in range(unit):
            self.push(value >> (8 * i) & 255)


def canonical(top):
    if top & 0x9F == 0x90:
        return 0x90
    return top & 0xFC if top & 0x7C == 0x14 else top


def referred(top):
    """(kind, purpose) of a word of arm64 code with this last byte, or None."""
    if top == 0x90:
        return PAGE, FOR_DATA
    if top & 0x7C == 0x14:
        return BRANCH26, FOR_CALL if top & 0x80 else FOR_JUMP
    return None


class Literals:
    """5.2 to 5.7: bytes of gaps, from the second stream."""

    def __init__(self, coder, old, new, layout, sizes, gap_bytes):
        self.old = old
        self.new = new
        self.layout = layout
        self.recent = self.previous = self.current = self.count = 0
        self.automaton = Automaton()
        self.bytes = Nibbles(coder, 4, sizes.literals, 160)
        self.repeat = Repeat(coder, gap_bytes)
        self.window = None

    def note(self, byte):
        self.recent = (self.recent << 8 | byte) & MASK64

    def back(self, k):
        return self.recent >> (8 * (k - 1)) & 255

    def feed(self, byte):
        a = self.automaton
        if not (12 <= a.class_ <= 15 or 20 <= a.class_ <= 23):
            self.current = (self.current + byte + 1) * 0x9E3779B97F4A7C15 & MASK64
        a.step(byte)

    def pass_window(self, window):
        self.window = window
        end = window.start + window.size
        p = max(end - 16, window.start)
        for r in window.references:
            if r.at < p:
                continue
            self.note_all(self.old[p : r.at])
            if OPCODE[r.kind]:
                self.note_all((word_at(self.old, r.at) & OPCODE[r.kind]).to_bytes(4, "little"))
            p = r.end
        self.note_all(self.old[p:end])

    def note_all(self, data):
        for byte in data:
            self.note(byte)

    def begin(self):
        for k in range(8, 0, -1):
            self.repeat.push(self.back(k))
        self.repeat.begin()
        self.automaton = Automaton()
        self.previous = self.current = self.count = 0
        found = self.first_instruction()
        if found is None:
            return
        start = self.window.start
        for j in range(found, self.window.size):
            if self.automaton.starts and j > found:
                self.previous, self.current = self.current, 0
            self.feed(self.old[start + j])

    def first_instruction(self):
        """Where in the last window the fourth last instruction begins, or the first one that is near."""
        if self.window is None:
            return None
        size, classes = self.window.size, self.window.classes
        found = None
        n = 0
        for i in range(1, min(60, size) + 1):
            c = classes[size - i]
            if c & START and c & 0x3F < 32:
                found = size - i
                n += 1
                if n == 4:
                    break
        return found

    def piece(self, at, end):
        """Makes bytes from `at` on; gives where they end and the holes in them."""
        start = at
        holes = []
        while at < end and at - start < PIECE:
            region = self.layout.region_at(at)
            class_ = CLASSES[region.content] if region else 0
            left = end - at
            if class_ == 1:
                n = self.x86(at, left, holes)
            elif class_ == 2 and at % 4 == 0 and left >= 4 and at >= 8:
                n = self.arm64(at, holes)
            else:
                n = self.other(at, class_)
            at += n
            self.count += n
        return at, holes

    def other(self, at, class_):
        p = at & 3
        back = self.back
        if class_ == 2:
            contexts = (
                p | back(1) << 8 | 1 << 60,
                p | back(4) << 8 | 1 << 61,
                p | back(1) << 8 | (back(2) if p > 1 else 0) << 16 | back(p + 1) << 32,
                hash64(back(1) | back(2) << 8 | back(3) << 16, p),
            )
            which = 64 + 2 * p
        else:
            s = p | class_ << 2
            contexts = (
                s | 1 << 60,
                back(1) | s << 8 | 1 << 61,
                back(1) | back(2) << 8 | s << 16 | 1 << 59,
                back(4) | s << 8 | back(8) << 16 | 1 << 58,
            )
            which = 72 + 8 * class_ + 2 * p
        byte = self.repeat.again(1, 32 + class_, lambda: self.bytes.byte(contexts, which))
        self.note(byte)
        self.new[at] = byte
        return 1

    def x86(self, at, left, holes):
        a = self.automaton
        if a.starts and (self.count > 0 or self.current != 0):
            self.previous, self.current = self.current, 0
        class_ = a.class_
        if class_ in (12, 20) and left >= 4 and self.layout.address(at) is not None:
            if class_ == 12:
                purpose = FOR_DATA
            else:
                purpose = FOR_CALL if a.opcode == 0xE8 else FOR_JUMP
            holes.append(Hole(at, RELATIVE32, purpose, a.opcode, a.immediate if class_ == 12 else 0))
            for _ in range(4):
                a.step(0)
            return 4
        contexts = self.x86_contexts()
        byte = self.repeat.again(1, class_, lambda: self.bytes.byte(contexts, 2 * class_))
        self.feed(byte)
        self.note(byte)
        self.new[at] = byte
        return 1

    def x86_contexts(self):
        a = self.automaton
        s = a.class_
        c1 = self.back(1)
        if s == 0:
            i = s | self.previous << 8
        elif 5 <= s <= 15 or s >= 18:
            i = s | a.opcode << 8 | a.modrm << 24
        else:
            i = s | a.opcode << 8
        if 9 <= s <= 11 or s >= 25:
            i |= c1 << 40
        return (
            s | a.opcode << 8 | 1 << 60,
            s | c1 << 8 | 1 << 61,
            i,
            hash64(c1 | self.back(2) << 8 | self.back(3) << 16, s),
        )

    def arm64(self, at, holes):
        w = self.repeat.again(4, None, self.arm64_word)
        kind_and_purpose = referred(w >> 24)
        if kind_and_purpose:
            holes.append(Hole(at, *kind_and_purpose))
        data = w.to_bytes(4, "little")
        self.note_all(data)
        self.new[at : at + 4] = data
        return 4

    def arm64_word(self):
        l = int.from_bytes((self.recent & MASK32).to_bytes(4, "big"), "little")
        b = int.from_bytes((self.recent >> 32).to_bytes(4, "big"), "little")
        lt, bt = canonical(l >> 24), canonical(b >> 24)
        byte = self.bytes.byte
        t = byte((1 << 60, lt | 1 << 61, lt | bt << 8 | 1 << 62, hash64(l & 0xFFC0FFFF, bt)), 64)
        kind_and_purpose = referred(t)
        if kind_and_purpose and kind_and_purpose[0] == BRANCH26:
            return t << 24
        if kind_and_purpose:
            register = (77 | 1 << 60, l & 31 | 77 << 40 | 1 << 61, l >> 5 & 31 | 77 << 40 | 1 << 62, 78)
            return t << 24 | byte(register, 70) & 31
        y = byte((t | 1 << 61, t | (l >> 16 & 255) << 8 | 1 << 62,
                  t | l >> 24 << 8 | (l & 31) << 16 | 1 << 50 | 1 << 62, t | lt << 8 | bt << 16 | 1 << 51), 66)
        x = byte((t | 3 << 60, t | y << 8 | 1 << 30 | 3 << 60,
                  t | y << 8 | (l >> 8 & 255) << 16 | 3 << 60, t | (l & 255) << 8 | 1 << 53), 68)
        first = byte((t | 1 << 62, t | x << 8 | 1 << 30 | 1 << 62, t | y << 8 | x << 16 | 1 << 54,
                      t | (x & 3) << 8 | (l & 31) << 16 | (b & 31) << 24 | 1 << 56), 70)
        return t << 24 | y << 16 | x << 8 | first


class Destinations:
    """5.9: targets of holes, and of references in matches that were guessed wrong."""

    def __init__(self, coder, calls, data):
        self.jumps = [0] * 15
        self.last_jump = 0
        self.jump_places = Nibbles(coder, 2, 8, 1)
        self.successors = [0] * 65536
        self.last_target = 0
        self.follows = Counters(coder, 3, 120)
        self.is_popular = Counters(coder, 3, 120)
        self.distances = Number(coder, 8)
        self.calls = calls
        self.data = data

    def jump(self, a, b):
        place = self.jump_places.symbol((self.last_jump | a << 16, b), 0)
        self.last_jump = place
        return self.jumps[place] if place < 15 else None

    def distance(self, context, start, unit):
        d = self.distances.signed(context + (3 if unit > 0 else 0))
        return start + (d << unit) & MASK64

    def note_jump(self, target):
        i = self.jumps.index(target) if target in self.jumps else 14
        del self.jumps[i]
        self.jumps.insert(0, target)

    def slot(self, purpose):
        return hash64(self.last_target, purpose) >> 48

    def target(self, purpose, start, unit, opcode):
        if purpose == FOR_JUMP:
            target = self.jump(0, 1000 + opcode)
            if target is None:
                target = self.distance(2, start, unit)
            self.note_jump(target)
            return target
        slot = self.slot(purpose)
        if self.successors[slot] != 0 and self.follows.bit(purpose):
            target = self.successors[slot]
        elif self.is_popular.bit(purpose):
            target = (self.data if purpose == FOR_DATA else self.calls).rank()
        else:
            target = self.distance(purpose, start, unit)
        self.successors[slot] = self.last_target = target
        return target

    def note(self, purpose, target, amid):
        if purpose == FOR_JUMP:
            self.note_jump(target)
        else:
            if amid:
                self.successors[self.slot(purpose)] = target
            self.last_target = target

    def fill(self, hole, new, layout):
        """5.8"""
        a = layout.address(hole.at)
        if a is None:
            return
        start, unit = a, 0
        if hole.kind == BRANCH26:
            unit = 2
        elif hole.kind == PAGE:
            start, unit = a & ~0xFFF, 12
        target = self.target(hole.purpose, start, unit, hole.opcode)
        fields.write(hole.kind, new, hole.at, a, 0, hole.shift, target)


def popular(coder, distances, old, new, address_map, is_data):
    """5.10: the rank of known targets; `distances`: of those that code names, from the lowest address."""
    clear = is_data and old.first(ARM64) is not None
    uses = {}
    for distance, count in Counter(distances).items():
        moved = address_map.went(old.low + distance & MASK64)[0]
        if clear:
            moved &= ~0xFFF
        place = moved - new.low & MASK64
        if place < 1 << 32:
            uses[place] = min(uses.get(place, 0) + min(count, 65535), MASK32)
    return Rank(coder, new.low, sorted(uses.items()))
