"""Section 8: level fast."""

from code import Automaton
from fields import LEBS, OPCODE, SIZE, adr, to_adr, word_at
from layout import ARM64, X86
from primitives import MASK32, PatchError, strict_leb

GAP_PIECE = 16384
INFINITY = 1 << 62
FIELD, OTHER, RIGHT_FIELDS, RIGHT_OTHERS, LITERALS, TARGETS = range(6)


class Lanes:
    """8.1: chunks, one behind the other."""

    def __init__(self, data):
        self.data = data
        self.at = 0
        self.end = 0
        self.lanes = [b""] * 6
        self.places = [0] * 6

    def begin_piece(self, at):
        if at < self.end:
            return
        self.finish_chunk(at)
        length, self.at = strict_leb(self.data, self.at)
        sizes = []
        for _ in range(6):
            size, self.at = strict_leb(self.data, self.at)
            sizes.append(size)
        if length < 1 or sum(sizes) > 1 << 20 or self.at + sum(sizes) > len(self.data):
            raise PatchError("a chunk is damaged or cut off")
        self.lanes = []
        for size in sizes:
            self.lanes.append(self.data[self.at : self.at + size])
            self.at += size
        self.places = [0] * 6
        self.end = at + length
        self.right = [self.run(RIGHT_FIELDS), self.run(RIGHT_OTHERS)]

    def finish_chunk(self, at):
        if at != self.end or any(place != len(lane) for place, lane in zip(self.places, self.lanes)):
            raise PatchError("a chunk does not end where a piece does, or has bytes left")

    def end_part(self, size):
        self.finish_chunk(size)
        self.end = 0

    def is_at_end(self):
        return self.at == len(self.data)

    def take(self, k, n=1):
        place = self.places[k]
        if place + n > len(self.lanes[k]):
            raise PatchError("a lane is at its end")
        self.places[k] = place + n
        return self.lanes[k][place : place + n]

    def run(self, k):
        if self.places[k] == len(self.lanes[k]):
            return INFINITY
        v = 0
        for i in range(5):
            x = self.take(k)[0]
            v |= (x & 127) << (7 * i)
            if x < 128:
                break
        return v

    def amend(self, k, new, p, n):
        """Corrects the guessed bytes new[p .. p + n - 1]; says whether one was wrong."""
        i = self.right[k]
        if i >= n:
            self.right[k] = i - n
            return False
        while i < n:
            new[p + i] = (new[p + i] + self.take(k)[0]) & 255
            i += 1 + self.run(2 + k)
        self.right[k] = i - n
        return True


class Fast:
    def __init__(self, part, lanes, guesser):
        self.part = part
        self.lanes = lanes
        self.guesser = guesser
        self.new = part.new
        self.layout = part.new_layout

    # 8.2

    def gap(self, at, end, begins):
        if begins:
            self.automaton = Automaton()
        end = min(end, at + GAP_PIECE)
        while at < end:
            at = self.stretch(at, *self.class_and_stop(at, end))

    def class_and_stop(self, at, end):
        region = next((r for r in self.layout.regions if r.end > at), None)
        if region is None:
            return 0, end
        if region.offset > at:
            return 0, min(region.offset, end)
        return region.content if region.content in (X86, ARM64) else 0, min(region.end, end)

    def stretch(self, at, content, stop):
        """Bytes from `at` to `stop`, all of one region or none."""
        while at < stop:
            if content == X86:
                at += self.x86(at, stop)
            elif content == ARM64 and at % 4 == 0 and stop - at >= 4:
                w = int.from_bytes(self.lanes.take(LITERALS, 4), "little")
                self.new += turned(w, self.layout.address(at) or 0).to_bytes(4, "little")
                at += 4
            else:
                self.new += self.lanes.take(LITERALS)
                at += 1
        return at

    def x86(self, at, stop):
        automaton = self.automaton
        if automaton.class_ in (12, 20) and stop - at >= 4:
            address = self.layout.address(at)
            if address is not None:
                target = int.from_bytes(self.lanes.take(TARGETS, 4), "big")
                self.new += (target - address - 4 & MASK32).to_bytes(4, "little")
                for _ in range(4):
                    automaton.step(0)
                return 4
        byte = self.lanes.take(LITERALS)
        self.new += byte
        automaton.step(byte[0])
        return 1

    # 8.3

    def window(self, window, p, number, match_start):
        w, n = window.start, window.size
        self.new += self.part.old[w : w + n]
        done = 0
        for ref in window.references:
            x = ref.at - w
            self.lanes.amend(OTHER, self.new, p + done, x - done)
            self.field(ref, p + x, number, match_start)
            done = x + SIZE[ref.kind]
        self.lanes.amend(OTHER, self.new, p + done, n - done)

    def field(self, ref, place, number, match_start):
        size = SIZE[ref.kind]
        g = self.guesser.guess(ref, place, match_start, lambda target: self.part.led(number, target, 16))
        if g is None:
            self.lanes.amend(FIELD, self.new, place, size)
            return
        word = word_at(self.new, place)
        self.guesser.write(g, place, g.value)
        is_wrong = self.lanes.amend(FIELD, self.new, place, size)
        actual = g.value
        if is_wrong:
            if not self.is_whole(ref.kind, place, word):
                return
            actual = self.guesser.read(g, place)
        self.guesser.learn(g, actual, is_wrong)

    def is_whole(self, kind, place, word):
        """Whether nothing but the address of the field differs."""
        if kind in LEBS:
            data = self.new[place : place + SIZE[kind]]
            return all(b >= 0x80 for b in data[:-1]) and data[-1] < 0x80
        return (word ^ word_at(self.new, place)) & OPCODE[kind] == 0


def turned(w, address):
    if w & 0x7C000000 == 0x14000000:
        return w & 0xFC000000 | w - (address >> 2) & 0x03FFFFFF
    if w & 0x9F000000 == 0x90000000:
        return w & 0x9F00001F | to_adr(adr(w) - (address >> 12) & 0x1FFFFF)
    return w
