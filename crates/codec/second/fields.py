"""Section 4.1: references, and the kinds of fields."""

from typing import NamedTuple

from primitives import MASK32, MASK64, signed, unzigzag, zigzag

RELATIVE32, BACKWARD32, ABSOLUTE64, IMAGE32, BASED32, RELATIVE64 = range(6)
BRANCH26, BRANCH19, PAGE, IN_PAGE, NEAR, UNWIND24, LENGTH32 = range(6, 13)
LEB1, LINE32, LINE_LEB1 = 13, 16, 17

SIZE = [4, 4, 8, 4, 4, 8, 4, 4, 4, 4, 4, 4, 4, 1, 2, 3, 4, 1, 2, 3]
OPCODE = [0] * 20
OPCODE[BRANCH26] = 0xFC000000
OPCODE[BRANCH19] = 0xFF00001F
OPCODE[PAGE] = OPCODE[NEAR] = 0x9F00001F
OPCODE[IN_PAGE] = 0xFFC003FF
OPCODE[UNWIND24] = 0xFF000000
MOVING_BASE = {4, 12, 13, 14, 15, 17, 18, 19}
LEBS = {13, 14, 15, 17, 18, 19}
LINES = {16, 17, 18, 19}
SPANS = {12, 13, 14, 15}

OTHER, DATA, CALL, JUMP = range(4)

LINE_KEY = 1 << 62
BEFORE_LINES = 1 << 63
NO_LINE = 0xFFFFFF


class Reference(NamedTuple):
    at: int
    kind: int
    target: int
    base: int = 0
    shift: int = 0
    use: int = OTHER
    words: int = 0

    @property
    def end(self):
        return self.at + SIZE[self.kind]

    @property
    def is_branch(self):
        return self.use == JUMP or self.kind == BRANCH19


def is_line(target):
    return target >> 62 == 1


def adr(word):
    return (word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3


def to_adr(v):
    return (v & 3) << 29 | (v >> 2 & 0x7FFFF) << 5


def leb(data, at, n):
    return sum((data[at + k] & 0x7F) << (7 * k) for k in range(n))


def word_at(data, at):
    return int.from_bytes(data[at : at + 4], "little")


def read(kind, data, at, address, base=0, shift=0):
    """The target of the field at `at`."""
    if kind in (ABSOLUTE64, RELATIVE64):
        q = int.from_bytes(data[at : at + 8], "little")
        return q if kind == ABSOLUTE64 else address + q & MASK64
    if kind in LEBS:
        v = leb(data, at, SIZE[kind])
        return base + (unzigzag(v) if kind >= LINE_LEB1 else v) & MASK64
    return read_word(kind, word_at(data, at), address, base, shift)


def read_word(kind, w, address, base, shift):
    if kind == RELATIVE32:
        t = address + signed(w, 32) + 4 + shift
    elif kind == BACKWARD32:
        t = address - w
    elif kind == IMAGE32:
        t = base + w
    elif kind == BASED32:
        t = base + (signed(w, 32) << (shift & 7))
    elif kind == BRANCH26:
        t = address + (signed(w, 26) << 2)
    elif kind == BRANCH19:
        t = address + (signed(w >> 5, 19) << 2)
    elif kind == PAGE:
        t = (address & ~0xFFF) + (signed(adr(w), 21) << 12)
    elif kind == IN_PAGE:
        t = base + ((w >> 10 & 0xFFF) << (shift & 7))
    elif kind == NEAR:
        t = address + signed(adr(w), 21)
    elif kind == UNWIND24:
        t = base + (w & 0xFFFFFF)
    elif kind == LENGTH32:
        t = base + w - 1
    else:
        t = w
    return t & MASK64


def write(kind, data, at, address, base, shift, target):
    if kind in (ABSOLUTE64, RELATIVE64):
        v = target if kind == ABSOLUTE64 else target - address
        data[at : at + 8] = (v & MASK64).to_bytes(8, "little")
    elif kind in LEBS:
        difference = target - base & MASK64
        v = zigzag(signed(difference)) if kind >= LINE_LEB1 else difference
        n = SIZE[kind]
        for k in range(n):
            data[at + k] = v >> (7 * k) & 0x7F | (0x80 if k < n - 1 else 0)
    else:
        keep = OPCODE[kind]
        w = word_at(data, at) & keep if keep else 0
        v = written(kind, address, base, shift, target) | w
        data[at : at + 4] = (v & MASK32).to_bytes(4, "little")


def written(kind, address, base, shift, target):
    if kind == RELATIVE32:
        return target - address - 4 - shift
    if kind == BACKWARD32:
        return address - target
    if kind in (IMAGE32, LENGTH32):
        return target - base + (kind == LENGTH32)
    if kind == BASED32:
        return (target - base & MASK64) >> (shift & 7)
    if kind == BRANCH26:
        return (target - address) >> 2 & 0x3FFFFFF
    if kind == BRANCH19:
        return ((target - address) >> 2 & 0x7FFFF) << 5
    if kind == PAGE:
        return to_adr(((target & ~0xFFF) - (address & ~0xFFF)) >> 12)
    if kind == IN_PAGE:
        return ((target & 0xFFF) >> (shift & 7)) << 10
    if kind == NEAR:
        return to_adr(target - address)
    if kind == UNWIND24:
        return target - base & 0xFFFFFF
    return target
