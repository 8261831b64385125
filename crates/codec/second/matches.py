"""Section 6: units of matches, what they are guessed to be, and their references."""

from code import START
from fields import IN_PAGE, JUMP, LEBS, OPCODE, PAGE, RELATIVE32, SIZE, DATA, word_at
from primitives import MASK32, MASK64, Counters, MixedBit, Nibbles, Number, clamp, hash64, signed, unzigzag, zigzag
from targets import MAP, STRONG


class Unit:
    """6.3"""

    def __init__(self, window, old, at, stop, reference):
        start = window.start
        self.length = n = stop - at
        self.old = old[start + at : start + stop]
        self.classes = [c & 0x3F for c in window.classes[at:stop]]
        self.class_ = self.classes[0]
        self.word = int.from_bytes(old[start + at : start + min(at + 4, window.size)], "little")
        self.mask = 0
        is_leb = False
        field, self.field_end = n, n
        if reference:
            field = reference.at - start - at
            self.field_end = field + SIZE[reference.kind]
            self.mask = OPCODE[reference.kind]
            is_leb = reference.kind in LEBS
        self.field = field
        self.coded = self.mask != 0 or is_leb
        if self.coded:
            self.own = 0
        elif n == 2 and self.classes[1] == 16:
            self.own = 1
        else:
            self.own = min(field, n)
        if self.coded:
            self.signature = reference.kind if is_leb else self.word & self.mask
        else:
            self.signature = self.word & ((1 << 8 * min(self.own, 4)) - 1)
        self.opcode = self.word >> 24 if self.class_ >= 48 else self.word & 0xFF
        self.is_instruction = self.class_ < 32 or self.class_ >= 48 and n == 4


class Substitutions:
    def __init__(self, width):
        self.entries = {}

    def find(self, unit):
        """(state, substitute)"""
        key = hash64(unit.signature | unit.class_ << 32, unit.own)
        self.number = key >> 52
        self.check = max((key & MASK32) >> 2, 1)
        self.own = unit.own
        check, signature, run = self.entries.get(self.number, (0, 0, 0))
        if check != self.check:
            return 0, unit.signature
        return 1 + (signature != unit.signature) + 2 * run, signature

    def note(self, new, here):
        """What the unit that was looked for last became."""
        v = int.from_bytes(new[here : here + min(self.own, 4)], "little")
        check, signature, run = self.entries.get(self.number, (0, 0, 0))
        run = min(run + 1, 3) if check == self.check and signature == v else 0
        self.entries[self.number] = (self.check, v, run)


# 3.8 Fields of an arm64 word


def arm64_fields(w):
    """Registers as (bit, is a vector), and the offset as (bit, bits, scale, is signed) or None."""
    g = w >> 25 & 15
    vector = w >> 26 & 1 == 1
    if g & 5 == 4:
        return load_store_fields(w, vector)
    if g & 14 == 8:
        p = w >> 23 & 7
        registers = [(0, False)]
        if p not in (0, 1, 5):
            registers.append((5, False))
        if p == 7:
            registers.append((16, False))
        return registers, (10, 12, 0, False) if p == 2 and w >> 22 & 1 == 0 else None
    if g & 7 == 5:
        registers = [(0, False), (5, False), (16, False)]
        if w >> 24 & 31 == 0x1B:
            registers.append((10, False))
        return registers, None
    if g & 7 == 7:
        return [(0, True), (5, True), (16, True)], None
    return [], None


def load_store_fields(w, vector):
    registers = [(0, vector), (5, False)]
    z = w >> 30
    if w >> 27 & 7 == 5:
        return registers + [(10, vector)], (15, 7, 2 + (z if vector else z >> 1), True)
    if w >> 24 & 0x3B == 0x39:
        return registers, (10, 12, 4 if vector and w >> 23 & 1 else z, False)
    if w >> 24 & 0x3B == 0x38 and w >> 21 & 1 == 0:
        return registers, (12, 9, 0, True)
    if w >> 24 & 0x3B == 0x38 and w >> 10 & 3 == 2:
        return registers + [(16, False)], None
    return registers, None


def get_offset(w, field):
    bit, bits, scale, is_signed = field
    v = w >> bit & ((1 << bits) - 1)
    return (signed(v, bits) if is_signed else v) << scale


def put_offset(w, field, v):
    bit, bits, scale, _ = field
    mask = (1 << bits) - 1
    return w & ~(mask << bit) | ((v >> scale) & mask) << bit


# 6.5 What a unit is guessed to be

GROUPS = {0x80, 0x81, 0x82, 0x83, 0x8F, 0xC0, 0xC1, 0xC6, 0xC7, 0xD0, 0xD1, 0xD2, 0xD3, 0xF6, 0xF7, 0xFE, 0xFF}


def has_base(m):
    return m & 7 != 4 and not (m >> 6 == 0 and m & 7 == 5)


class UnitGuess:
    def __init__(self, data):
        self.bytes = bytearray(data) + bytes(16 - len(data))
        self.operand = (0, 0)
        self.context = 0
        self.offset = None  # (register, offset, where it stands)
        self.rex = self.modrm = None
        self.group = self.vector = 0

    def word(self):
        return int.from_bytes(self.bytes[:4], "little")


class Renaming:
    def __init__(self):
        self.changed = [0] * 64
        self.seen = [0] * 64
        self.growth = 0
        self.slot = 0
        self.last_shift = 0
        self.forget()

    def forget(self):
        self.x86 = [list(range(16)), list(range(16))]  # general, vector
        self.arm64 = [list(range(32)), list(range(32))]
        self.shifts = [(255, 0, 0)] * 16

    def shift(self, register, o):
        best = (255, 0)
        least = None
        for r, offset, by in self.shifts:
            if r == register:
                d = min(abs(signed(offset - o, 32)), 2**31 - 1)
                if least is None or d < least:
                    least = d
                    best = (min(d, 255), by)
        return best

    def shift_context(self, d, by):
        return (1 | d.bit_length() << 4 | (by != 0) << 8 | (self.last_shift != 0) << 9
                | (by == self.last_shift) << 10)

    def note_shift(self, register, o, by):
        by = signed(by, 32)
        self.last_shift = by
        for i, (r, offset, _) in enumerate(self.shifts):
            if r == register and offset == o:
                self.shifts[i] = (r, o, by)
                return
        self.shifts[self.slot] = (register, o, by)
        self.slot = (self.slot + 1) % 16

    def guess(self, unit, here, standing):
        """`standing`: up to 16 bytes of the new file from the unit on, as they are."""
        g = UnitGuess(standing)
        if unit.class_ >= 48:
            if unit.length == 4:
                self.guess_arm64(g, unit)
        elif unit.class_ >= 32:
            word = int.from_bytes(unit.old[:4], "little")
            g.bytes[:4] = (word + self.growth & MASK32).to_bytes(4, "little")
        else:
            self.guess_x86(g, unit, here)
        return g

    def guess_arm64(self, g, unit):
        c = r = unit.word
        registers, field = arm64_fields(c)
        for bit, is_vector in registers:
            x = c >> bit & 31
            name = self.arm64[1][x] if is_vector else 31 if x == 31 else self.arm64[0][x]
            r = r & ~(31 << bit) | name << bit
        if unit.mask:
            r = c & ~unit.mask | r & unit.mask
            g.context = (r != c) << 16
        else:
            changes = int(r != c)
            if field:
                base, o = c >> 5 & 31, get_offset(c, field)
                d, by = self.shift(base, o)
                if by != 0:
                    r = put_offset(r, field, signed(o + by, 32))
                    changes |= 2
                g.offset = (base, o, field)
                g.context = self.shift_context(d, by)
            g.context |= changes << 16
        g.bytes[:4] = r.to_bytes(4, "little")

    def guess_x86(self, g, unit, here):
        old, classes = unit.old, unit.classes
        for place in range(1, unit.length):
            if classes[place] in (6, 8, 16, 18, 24):
                g.operand = (classes[place], place)
                break
        length = min(unit.length, 16)
        changes = self.opcode_and_modrm(g, old, classes, length)
        register = 0
        if g.modrm is not None:
            changes |= self.modrm_registers(g, old)
            m = old[g.modrm]
            register = m & 7
            if register == 4 and m >> 6 < 3 and g.modrm + 1 < length:
                register = 8 | old[g.modrm + 1] & 7
        c, place = g.operand
        if c != 0 and place < length:
            size = 1 if c == 6 else 4 if c == 8 and place + 4 <= length else 0
            if size:
                o = signed(int.from_bytes(old[place : place + size], "little"), 8 * size)
                d, by = self.shift(register, o)
                g.bytes[place : place + size] = (o + by & (1 << 8 * size) - 1).to_bytes(size, "little")
                g.offset = (register, o, (place, size))
                g.context = self.shift_context(d, by)
                changes |= (by != 0) << 1
            else:
                age = min((here - self.seen[c] & MASK32).bit_length(), 12)
                g.context = age << 4 | 2 | self.changed[c] << 8
                changes |= self.changed[c] << 1
        g.context |= changes << 16

    def opcode_and_modrm(self, g, old, classes, length):
        changes = 0
        for place in range(length):
            b, c = old[place], classes[place]
            if c <= 1:
                if b & 0xF0 == 0x40 and g.rex is None:
                    g.rex = place
                elif place + 1 == length or classes[place + 1] != 1:
                    g.group = b in GROUPS
                    changes |= self.opcode_register(g, old, b, place)
            elif c == 2:
                g.group = 0
                g.vector = not (0x40 <= b <= 0x4F or 0x80 <= b <= 0xC1 or 0xC8 <= b <= 0xCF)
            elif c == 3:
                g.group, g.vector = 0, 1
            elif c == 4:
                g.modrm = place
                break
            elif c == 17:
                break
        return changes

    def opcode_register(self, g, old, b, place):
        if b & 0xF0 != 0x50 and b & 0xF8 != 0xB8:
            return 0
        x = b & 7 | (8 if g.rex is not None and old[g.rex] & 1 else 0)
        y = self.x86[0][x]
        g.bytes[place] = b & 0xF8 | y & 7
        if g.rex is not None:
            g.bytes[g.rex] = g.bytes[g.rex] & 0xFE | y >> 3
        return int(y != x)

    def names(self, vector):
        return self.x86[1 if vector else 0]

    def modrm_registers(self, g, old):
        m = m2 = old[g.modrm]
        e = e2 = 0x40 if g.rex is None else old[g.rex]
        if not g.group:
            y = self.names(g.vector)[m >> 3 & 7 | (e & 4) << 1]
            m2 = m2 & 0xC7 | (y & 7) << 3
            e2 = e2 & 0xFB | (y & 8) >> 1
        direct = m >> 6 == 3
        if direct or has_base(m):
            y = self.names(g.vector and direct)[m & 7 | (e & 1) << 3]
            if direct or y & 7 != 4:
                m2 = m2 & 0xF8 | y & 7
                e2 = e2 & 0xFE | y >> 3
        g.bytes[g.modrm] = m2
        if g.rex is not None:
            g.bytes[g.rex] = e2
        return int(m2 != m or g.rex is not None and e2 != e)

    def learn(self, unit, g, raw, new, here):
        if unit.class_ >= 48:
            if unit.length == 4:
                self.learn_arm64(unit, g, raw, word_at(new, here))
        elif unit.class_ >= 32:
            k = min(unit.length, 4)
            difference = int.from_bytes(new[here : here + k], "little") - int.from_bytes(unit.old[:k], "little")
            if difference != 0:
                self.growth = signed(difference, 8 * k) & MASK32
        else:
            self.learn_x86(unit, g, new, here)

    def learn_arm64(self, unit, g, raw, e):
        c = unit.word
        if e == c and g.word() == c:
            if g.offset:
                self.note_shift(g.offset[0], g.offset[1], 0)
            return
        registers, _ = arm64_fields(c)
        new_registers, new_field = arm64_fields(e)
        if registers != new_registers:
            return
        for bit, is_vector in registers if not raw else []:
            if unit.mask == 0 or unit.mask >> bit & 31 == 31:
                self.arm64[1 if is_vector else 0][c >> bit & 31] = e >> bit & 31
        if g.offset and new_field == g.offset[2]:
            self.note_shift(g.offset[0], g.offset[1], get_offset(e, new_field) - g.offset[1])

    def learn_x86(self, unit, g, new, here):
        old = unit.old
        if g.offset:
            register, o, (place, size) = g.offset
            there = int.from_bytes(new[here + place : here + place + size], "little")
            self.note_shift(register, o, signed(there, 8 * size) - o)
        elif g.operand[0] != 0:
            c, place = g.operand
            self.changed[c] = int(new[here + place] != old[place])
            self.seen[c] = here & MASK32
        if g.modrm is None:
            return
        m, m2 = old[g.modrm], new[here + g.modrm]
        e, e2 = (0x40, 0x40) if g.rex is None else (old[g.rex], new[here + g.rex])
        if m >> 6 != m2 >> 6:
            return
        if not g.group:
            self.names(g.vector)[m >> 3 & 7 | (e & 4) << 1] = m2 >> 3 & 7 | (e2 & 4) << 1
        direct = m >> 6 == 3
        if direct or has_base(m) and has_base(m2):
            self.names(g.vector and direct)[m & 7 | (e & 1) << 3] = m2 & 7 | (e2 & 1) << 3


class Values:
    """6.6 and 6.7"""

    def __init__(self, coder, sizes, new):
        self.places = Nibbles(coder, 2, sizes.places, 3)
        self.values = Nibbles(coder, 3, sizes.values, 128)
        self.new = new

    def bytes_of(self, unit, g, substitute, here):
        old, classes, own = unit.old, unit.classes, unit.own
        told = [x for x in range(unit.length) if not unit.field <= x < unit.field_end][:24]

        def guessed(x):
            return g.bytes[x] if x < 16 else old[x]

        def substituted(x):
            return substitute >> (8 * x) & 255 if x < own and x < 4 else old[x]

        mask = self.which(unit, g, told, guessed, substituted)
        last = 0
        for j, x in enumerate(told):
            if mask >> j & 1 == 0:
                continue
            class_, before = classes[x], old[x]
            v = self.values.byte(
                (
                    class_ | guessed(x) << 8 | (guessed(x) != before) << 16,
                    class_ | 2 << 24 | substituted(x) << 32,
                    hash64(before | class_ << 8, unit.opcode | last << 8 | (mask >> j & 15) << 16),
                ),
                2 * class_,
            )
            last = v - before & 255
            self.new[here + x] = v

    def which(self, unit, g, told, guessed, substituted):
        """Which of these bytes differ, as a mask."""
        count = len(told)
        if count <= 1:
            return count
        old = unit.old
        guesses = substitutes = shape = 0
        for j, x in enumerate(told):
            guesses |= (guessed(x) != old[x]) << j
            substitutes |= (substituted(x) != old[x]) << j
            shape = shape * 67 + unit.classes[x] + 1 & MASK64
        kind = unit.opcode | count << 8
        operand = g.operand[0]
        if count <= 4:
            return self.places.symbol(
                (hash64(shape, guesses << 16 | 1 << 60),
                 hash64(kind, operand << 8 | substitutes << 16 | 1 << 60)), 2)
        mask = 0
        j = 0
        while j < count:
            f = int(mask == 0)
            d = self.places.symbol(
                (hash64(shape, j << 8 | guesses >> j << 16 | f),
                 hash64(kind, j | operand << 8 | (substitutes >> j & 7) << 16)), f)
            j += d
            if d == 15 or j >= count:
                break
            mask |= 1 << j
            j += 1
        return mask

    def field(self, unit, g, kind, here):
        size = SIZE[kind]
        whole = unit.class_ >= 48 and size == 4
        renamed = whole and g.word() != unit.word
        above = 0
        for x in range(size - 1, -1, -1):
            if whole:
                b = g.bytes[x] | renamed << 40
            else:
                b = unit.old[x] if x < unit.length else 0
            v = self.values.byte((b | x << 8, above | x << 8 | kind << 16 | 1 << 31, 1 << 59), 0)
            self.new[here + x] = v
            above = v


class Hits:
    """6.10: references."""

    def __init__(self, coder, sizes, guesser, targets, destinations):
        self.guesser = guesser
        self.targets = targets
        self.destinations = destinations
        self.flags = MixedBit(coder, 2, sizes.flags, 80)
        self.wrong = [0] * 20
        self.numbers = Number(coder, 320)
        self.is_other = Counters(coder, 160, 120)
        self.is_again = Counters(coder, 160, 120)
        self.is_popular = Counters(coder, 32, 120)
        self.last = [0] * 80
        self.was_again = [0] * 80

    def reference(self, r, place, match_start, led, sure, since):
        """Writes it, and says whether its guess was wrong."""
        g = self.guesser.guess(r, place, match_start, led)
        if g is None:
            return False
        if g.source != MAP:
            state = g.source | 4
        else:
            state = g.held | g.known << 1 | g.page_differs << 2
        is_wrong = 0
        if not sure:
            is_wrong = self.is_wrong(r, state)
        actual = g.value
        if is_wrong:
            if g.source == STRONG:
                other = self.targets.target(r.target)[0]
            else:
                other = self.targets.before(r.target)
            actual = self.missed(g, state, other)
        self.guesser.learn(g, actual, is_wrong)
        if r.use != 0:
            self.destinations.note(r.use - 1, actual, since < 16)
        self.guesser.write(g, place, actual)
        return is_wrong

    def is_wrong(self, r, state):
        kind = r.kind
        tag = kind << 6 if kind < 16 else kind << 40
        c = state | r.use << 3 | tag | (self.wrong[kind] & 63) << 10 | 1 << 17
        contexts = (hash64(c, 7), hash64(hash64(r.target, 3), 7))
        is_wrong = self.flags.bit(contexts, 4 * kind + r.use)
        self.wrong[kind] = self.wrong[kind] << 1 & 63 | is_wrong
        return is_wrong

    def missed(self, g, state, other):
        r = g.reference
        kind, use, v = r.kind, r.use, g.value
        slot = 4 * kind + use
        if other != v and kind not in (PAGE, IN_PAGE):
            if self.is_other.bit(8 * kind + state):
                return self.told(g, slot, other)
        if use != JUMP:
            self.was_again[slot] = self.is_again.bit(2 * slot + self.was_again[slot])
            if self.was_again[slot]:
                return apply(g, self.last[slot])
        if use in (1, 2):
            low = v & 0xFFF if kind == PAGE else 0
            if self.is_popular.bit(8 * (use & 1) + state):
                rank = self.destinations.data if use == DATA else self.destinations.calls
                return self.told(g, slot, rank.rank() + low & MASK64)
        if use == JUMP:
            target = self.destinations.jump(g.source + 1, 2000 + g.source)
            if target is not None:
                return target
            if kind == RELATIVE32 and g.source == MAP:
                return self.destinations.distance(2, g.address, 0)
        z = self.numbers.number(16 * kind + state + (8 if use == JUMP else 0))
        return self.told(g, slot, apply(g, z))

    def told(self, g, slot, actual):
        if g.reference.use != JUMP:
            self.last[slot] = difference(g, actual)
        return actual


def difference(g, a):
    v, r = g.value, g.reference
    if r.kind == PAGE:
        return zigzag(signed(a - v) >> 12)
    if r.kind == IN_PAGE:
        sh = r.shift & 7
        return zigzag(((a & 0xFFF) >> sh) - ((v & 0xFFF) >> sh))
    return zigzag(signed(a - v))


def apply(g, z):
    d = unzigzag(z)
    v, r = g.value, g.reference
    if r.kind == PAGE:
        return v + (d << 12) & MASK64
    if r.kind == IN_PAGE:
        sh = r.shift & 7
        page = v & ~0xFFF if g.page is None else g.page
        return page + ((v & 0xFFF) >> sh << sh) + (d << sh) & MASK64
    return v + d & MASK64


class Copying:
    """6.1, 6.2, 6.4"""

    def __init__(self, coder, sizes, part, hits):
        self.part = part
        self.old = part.old
        self.new = part.new
        self.layout = part.new_layout
        self.hits = hits
        self.values = Values(coder, sizes, part.new)
        self.renaming = Renaming()
        self.substitutions = Substitutions(sizes.substitutions)
        self.flags = MixedBit(coder, 2, sizes.flags, 64)
        self.blocks = MixedBit(coder, 1, 14, 33)
        self.runs = Counters(coder, 64, 60)
        self.since = 100
        self.history = 0
        self.miss = 0

    def begin_match(self, number):
        matches = self.part.matches
        self.number = number
        self.start = matches[number].new
        self.end = self.start + matches[number].length
        self.clean = self.certain = self.asked = self.doubtful = 0
        if number > 0 and abs(matches[number].diagonal - matches[number - 1].diagonal) > 4096:
            self.renaming.forget()

    def window(self, window, p):
        """Makes the bytes of the window at `p` of the new file."""
        self.w, self.n, self.p = window.start, window.size, p
        self.current = window
        n = window.size
        self.new += self.old[self.w : self.w + n]
        self.short_jumps()
        refs = window.references
        at = following = written = 0
        while at < n:
            here = p + at
            self.ask_run(here)
            self.ask_block(here, at)
            if here < self.clean:
                stop = min(self.clean - p, n)
                sure = here < self.certain
                while following < len(refs) and refs[following].at < self.w + stop:
                    written = refs[following].end - self.w
                    self.reference(refs[following], sure)
                    following += 1
                self.since += stop - at
                self.history = 0
                at = stop
            elif at < written:
                at = min(written, n)
                self.since += 1
            else:
                stop = self.unit_end(at)
                while following < len(refs) and refs[following].at < self.w + at:
                    following += 1
                ref = None
                if following < len(refs) and refs[following].at < self.w + stop and self.layout.address(here) is not None:
                    ref = refs[following]
                    following += 1
                    written = ref.end - self.w
                unit = Unit(window, self.old, at, stop, ref)
                if ref and unit.own == 0 and not unit.coded:
                    self.reference(ref, False)
                    self.since += SIZE[ref.kind]
                    at = min(max(written, at + 1), n)
                else:
                    raw = self.unit(unit, here, ref)
                    if ref and not raw:
                        self.reference(ref, False)
                    at = max(stop, min(written, n))

    def unit_end(self, at):
        classes = self.current.classes
        for i in range(at + 1, self.n):
            if classes[i] & START:
                return i
        return self.n

    def reference(self, ref, sure):
        place = self.p + ref.at - self.w
        if self.hits.reference(ref, place, self.start, self.led, sure, self.since):
            self.miss = place

    def led(self, target):
        return self.part.led(self.number, target, 60)

    def ask_run(self, here):
        quiet = max(here - self.miss, 0)
        left = self.end - here
        if here < self.certain or here < self.asked or quiet < 2048 or left < 1024:
            return
        size = quiet.bit_length() - 1
        length = min(1 << min(size - 1, 20), left)
        if self.runs.bit(size):
            self.asked = here + min(length, 4096)
            self.miss = here
        else:
            self.certain = self.clean = here + length

    def ask_block(self, here, at):
        left = self.end - here
        if here < self.clean or here < self.doubtful or self.since < 16 or left < 32:
            return
        length = min(64, left, self.n - at)
        s = self.since.bit_length()
        is_long = self.end - self.start > 1000
        if self.blocks.bit((hash64(s | is_long << 6, 3),), min(s, 32)):
            self.doubtful = here + length
        else:
            self.clean = here + length

    def short_jumps(self):
        if self.end - self.start <= 2:
            return
        n, p, classes = self.n, self.p, self.current.classes
        a = clamp(self.start + 130 - p, 0, n)
        b = clamp(self.end - p - 130, a, n)
        for first, last in ((0, a), (b, n)):
            i = classes.find(16, first, last)
            while i >= 0:
                self.short_jump(i)
                i = classes.find(16, i + 1, last)

    def short_jump(self, i):
        o = self.w + i + 1 + signed(self.old[self.w + i], 8)
        if o < 0:
            return
        target, _ = self.part.neighbour(self.number, o, 12)
        if target is not None:
            d = target - (self.p + i + 1)
            if -128 <= d <= 127:
                self.new[self.p + i] = d & 255

    def unit(self, unit, here, ref):
        """6.4; says whether its field came with all its bits."""
        standing = self.new[here : min(here + 16, self.p + self.n)]
        g = self.renaming.guess(unit, here, standing)
        state, substitute = self.substitutions.find(unit)
        k = min(unit.length, 16)
        guessed = unit.is_instruction and standing[:k] != g.bytes[:k]
        if guessed:
            self.new[here : here + k] = g.bytes[:k]
        differs = self.differs(unit, g, state, guessed)
        self.history = (self.history << 1 | differs) & 7
        if differs or guessed:
            self.since = 0
            self.miss = here
        else:
            self.since += unit.length
        if unit.coded and differs:
            self.values.field(unit, g, ref.kind, here)
            self.renaming.learn(unit, g, True, self.new, here)
            return True
        if differs:
            self.values.bytes_of(unit, g, substitute, here)
        if not unit.coded:
            self.substitutions.note(self.new, here)
        self.renaming.learn(unit, g, False, self.new, here)
        return False

    def differs(self, unit, g, state, guessed):
        s = min(self.since, 255).bit_length()
        if unit.class_ >= 48:
            what = unit.word >> 22 | 1 << 40
        elif unit.class_ >= 32:
            what = unit.word & 0xFF
        else:
            what = unit.signature
        operand = g.operand[0]
        contexts = (
            hash64(what | self.history << 52 | s << 56, operand | (unit.coded | guessed << 1) << 8),
            hash64(g.context, operand | state << 8),
        )
        return self.flags.bit(contexts, 4 * s + (state & 3))
