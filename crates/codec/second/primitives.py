"""Section 1: hashes, LEB128, range coder, models."""

from bisect import bisect_right

MASK32 = 2**32 - 1
MASK64 = 2**64 - 1


class PatchError(Exception):
    """What makes a decoder stop."""


def hash64(a, b):
    m = (a ^ (b * 0xD6E8FEB86659FD93)) * 0x9E3779B97F4A7C15 & MASK64
    return m ^ (m >> 31)


def signed(value, bits=64):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def zigzag(v):
    return 2 * v if v >= 0 else -2 * v - 1


def unzigzag(u):
    return (u >> 1) ^ -(u & 1)


def clamp(x, low, high):
    return min(max(x, low), high)


def strict_leb(data, at):
    """The number and the offset behind it."""
    value = 0
    for i in range(10):
        if at >= len(data):
            raise PatchError("a number is cut off")
        byte = data[at]
        at += 1
        if i > 0 and byte == 0 or i == 9 and byte > 1:
            raise PatchError("a number is not in its shortest form, or too large")
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, at


def lax_leb(data, at, end):
    """The number and the offset behind it, or None."""
    value = 0
    for i in range(9):
        if at >= end or at >= len(data):
            return None
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, at
    return None


class RangeCoder:
    def __init__(self, data):
        self.size = len(data)
        self.data = bytes(data) + bytes(4)
        self.at = 4
        self.code = int.from_bytes(self.data[:4], "big")
        self.range = MASK32

    def refill(self):
        try:
            while self.range < 1 << 24:
                self.range <<= 8
                self.code = (self.code << 8 | self.data[self.at]) & MASK32
                self.at += 1
        except IndexError:
            raise PatchError("the stream ends too early") from None

    def bit(self, p):
        bound = self.range * p >> 16
        if self.code < bound:
            self.range = bound
            b = 1
        else:
            self.code -= bound
            self.range -= bound
            b = 0
        if self.range < 1 << 24:
            self.refill()
        return b

    def symbol(self, bounds):
        """`bounds` has 16 entries, the first one is 0."""
        unit = self.range >> 15
        s = bisect_right(bounds, min(self.code // unit, 32767)) - 1
        above = bounds[s + 1] if s < 15 else 32768
        self.code -= unit * bounds[s]
        self.range = unit * (above - bounds[s])
        if self.range < 1 << 24:
            self.refill()
        return s

    def raw(self, n):
        unit = self.range >> n
        v = min(self.code // unit, (1 << n) - 1)
        self.code -= unit * v
        self.range = unit
        if self.range < 1 << 24:
            self.refill()
        return v

    def raw_bytes(self, n):
        return bytes(self.raw(8) for _ in range(n))

    def is_at_end(self):
        return self.at >= self.size


EVEN = 1 << 21
RATE = [131072 // (2 * n + 3) for n in range(251)]


def biased(zeros, ones):
    """Chance and count of a counter of so many zeros and ones."""
    total = zeros + ones
    if total == 0:
        return EVEN, 0
    return clamp(((4 * ones + 1) << 22) // (4 * total + 2), 256, 4194048), min(total, 60)


class Counters:
    def __init__(self, coder, size, limit):
        self.coder = coder
        self.limit = limit
        self.c = [EVEN] * size
        self.n = [0] * size

    def bit(self, i=0):
        c = self.c[i]
        n = self.n[i]
        p = c >> 6
        b = self.coder.bit(24 if p < 24 else 65512 if p > 65512 else p)
        self.c[i] = c + (((4194303 if b else 0) - c) * RATE[n] >> 16)
        if n < self.limit:
            self.n[i] = n + 1
        return b

    def tree(self, width, start=0):
        node = 1
        for _ in range(width):
            node = 2 * node + self.bit(start + node)
        return node - (1 << width)


def make_tables():
    curve = [0] * 4096
    power = 1 << 62
    for i in range(2048):
        curve[2048 + i] = 2**94 // (2**62 + power)
        if i > 0:
            curve[2048 - i] = 2**32 - curve[2048 + i]
        power = power * 4593706758521714574 >> 62
    curve[0] = curve[1]
    squash = [clamp((v + 32768) >> 16, 24, 65512) for v in curve]
    stretch = [[], [], [], []]
    at = 0
    for q in range(4096):
        while at < 4095 and curve[at] < (q << 20) + 2**19:
            at += 1
        v = at - 2048
        stretch[0].append(0)
        stretch[1].append(int(v / 2))
        stretch[2].append(int(v / 4) * 3)
        stretch[3].append(v)
    return squash, stretch


SQUASH, STRETCH = make_tables()


class MixedBit:
    def __init__(self, coder, contexts, width, sets):
        self.coder = coder
        self.mask = (1 << width) - 1
        self.c = [[EVEN] * (1 << width) for _ in range(contexts)]
        self.n = [bytearray(1 << width) for _ in range(contexts)]
        first = min(131072 // (contexts + 1), 60000)
        self.weights = [[first] * contexts for _ in range(sets)]
        self.bias = [0] * sets

    def bit(self, contexts, which):
        weights = self.weights[which]
        bias = self.bias[which]
        total = bias >> 8
        inputs = []
        for context, c, n, weight in zip(contexts, self.c, self.n, weights):
            i = context & self.mask
            x = STRETCH[min(n[i], 3)][c[i] >> 10]
            total += weight * x >> 16
            inputs.append((i, c, n, x))
        p = SQUASH[clamp(total, -2047, 2047) + 2048]
        b = self.coder.bit(p)
        error = ((b << 16) - p) * 6 >> 6
        target = 4194303 if b else 0
        for k, (i, c, n, x) in enumerate(inputs):
            weights[k] = clamp(weights[k] + ((x * error + 8192) >> 14), -400000, 400000)
            c[i] += (target - c[i]) * RATE[n[i]] >> 16
            if n[i] < 250:
                n[i] += 1
        self.bias[which] = clamp(bias + ((256 * error + 8192) >> 14), -400000, 400000)
        return b


FRESH_LINE = [2048 * i for i in range(1, 16)]
TARGETS = [[32767 if i > s else 0 for i in range(1, 16)] for s in range(16)]
FLOOR = [4 * i for i in range(1, 16)]


def rates(ends):
    """Rates 1, 2, ... of counts 0 to 63; `ends` has the last count of each."""
    return [next(r for r, end in enumerate(ends, 1) if count <= end) for count in range(64)]


SINGLE_RATE = rates([1, 4, 10, 21, 49, 63])
NIBBLE_RATE = rates([2, 5, 11, 29, 63])


def learned(line, s, r):
    return [v + ((target - v) >> r) for v, target in zip(line, TARGETS[s])]


class SingleSymbol:
    def __init__(self, coder):
        self.coder = coder
        self.line = FRESH_LINE
        self.count = 0

    def symbol(self):
        s = self.coder.symbol([0] + [v - (v >> 9) + f for v, f in zip(self.line, FLOOR)])
        self.line = learned(self.line, s, SINGLE_RATE[self.count])
        self.count = min(self.count + 1, 63)
        return s


class Nibbles:
    def __init__(self, coder, contexts, width, sets):
        self.coder = coder
        self.contexts = contexts
        self.mask = (1 << width) - 1
        size = 1 << width
        self.lines = [[FRESH_LINE] * size for _ in range(contexts)]
        self.checks = [[0] * size for _ in range(contexts)]
        self.counts = [bytearray(size) for _ in range(contexts)]
        self.weights = [[None] * 3**contexts for _ in range(sets)]

    def places(self, contexts, seed):
        places = []
        checks = []
        for k, context in enumerate(contexts):
            h = hash64(context, k + seed)
            places.append((h >> 8) & self.mask)
            checks.append((h >> 50) & 1023)
        return places, checks

    def find(self, k, place, check):
        """The place of the line, which is made where there is none."""
        checks = self.checks[k]
        if checks[place] == check:
            return place
        other = place ^ 1
        if checks[other] == check:
            return other
        counts = self.counts[k]
        if counts[place] > counts[other]:
            place, other = other, place
        if counts[other] > 0:
            counts[other] -= 1
        self.lines[k][place] = FRESH_LINE
        checks[place] = check
        counts[place] = 0
        return place

    def nibble(self, places, checks, which):
        n = self.contexts
        found = [self.find(k, places[k], checks[k]) for k in range(n)]
        lines = [self.lines[k][found[k]] for k in range(n)]
        counts = [self.counts[k][found[k]] for k in range(n)]
        row = 0
        for count in counts:
            row = 3 * row + (count >= 1) + (count >= 4)
        w = self.weights[which][row]
        if w is None:
            w = self.weights[which][row] = [65535 // n] * n
        s = self.coder.symbol(self.bounds(lines, w))
        self.learn_weights(lines, w, s)
        for k in range(n):
            self.lines[k][found[k]] = learned(lines[k], s, NIBBLE_RATE[counts[k]])
            if counts[k] < 63:
                self.counts[k][found[k]] = counts[k] + 1
        return s

    def bounds(self, lines, w):
        if self.contexts == 2:
            w0, w1 = w
            sums = [(a * w0 >> 16) + (b * w1 >> 16) for a, b in zip(*lines)]
        elif self.contexts == 3:
            w0, w1, w2 = w
            sums = [(a * w0 >> 16) + (b * w1 >> 16) + (c * w2 >> 16) for a, b, c in zip(*lines)]
        else:
            w0, w1, w2, w3 = w
            sums = [(a * w0 >> 16) + (b * w1 >> 16) + (c * w2 >> 16) + (d * w3 >> 16) for a, b, c, d in zip(*lines)]
        return [0] + [v - (v >> 9) + f for v, f in zip(sums, FLOOR)]

    def learn_weights(self, lines, w, s):
        n = self.contexts
        q = [(32768 if s == 15 else line[s]) - (0 if s == 0 else line[s - 1]) + 8 for line in lines]
        inverse = 65536 // (1 + sum(a * b >> 16 for a, b in zip(q, w)))
        rest = 65535
        for k in range(n - 1):
            earned = min((w[k] * q[k] >> 8) * inverse >> 8, 65535)
            moved = clamp(w[k] + ((earned - w[k]) >> 4), 600, 65535 - 600 * n)
            moved = min(moved, rest - 600 * (n - 1 - k))
            rest -= moved
            w[k] = moved
        w[n - 1] = rest

    def symbol(self, contexts, which):
        places, checks = self.places(contexts, 77)
        return self.nibble(places, checks, which)

    def byte(self, contexts, which):
        places, checks = self.places(contexts, 1)
        high = self.nibble(places, checks, which)
        places = [place ^ (2 + 2 * high) for place in places]
        checks = [check ^ (61 * high + 37) for check in checks]
        return 16 * high + self.nibble(places, checks, which + 1)


class Number:
    def __init__(self, coder, contexts):
        self.coder = coder
        self.lengths = [SingleSymbol(coder) for _ in range(contexts)]
        self.counters = [None] * contexts

    def number(self, context):
        counters = self.counters[context]
        if counters is None:
            counters = self.counters[context] = Counters(self.coder, 1024, 120)
        length = self.lengths[context].symbol()
        if length == 15:
            length = counters.tree(6)
        if length == 63:
            length += self.coder.raw(1)
        if length <= 1:
            return length
        known = 1
        place = length - 1
        while place > 0:
            rank = length - place
            if rank > 3 and length > 7 and place > 4:
                n = min(place - 4, 12)
                place -= n
                known = known << n | self.coder.raw(n)
                continue
            place -= 1
            if rank <= 3:
                at = 64 + 8 * min(length, 40) + (known & 7)
            elif length <= 7:
                at = 512 + 128 * (length - 4) + known
            else:
                at = 400 + 16 * place + (known & ((1 << (3 - place)) - 1))
            known = known << 1 | counters.bit(at)
        return known

    def signed(self, context):
        return unzigzag(self.number(context))


class Rank:
    def __init__(self, coder, low, pairs):
        """`pairs`: (place, uses), ascending by place, each place once."""
        self.low = low
        self.places = [place for place, _ in pairs]
        self.width = (max(len(pairs), 2) - 1).bit_length()
        size = 1 << self.width
        uses = [0] * size + [n for _, n in pairs] + [0] * (size - len(pairs))
        self.counters = Counters(coder, size, 250)
        for node in range(size - 1, 0, -1):
            uses[node] = min(uses[2 * node] + uses[2 * node + 1], MASK32)
            self.counters.c[node], self.counters.n[node] = biased(uses[2 * node], uses[2 * node + 1])

    def rank(self):
        r = self.counters.tree(self.width)
        return (self.low + self.places[r]) & MASK64 if r < len(self.places) else 0
