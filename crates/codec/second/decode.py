"""python3 decode.py OLD PATCH NEW"""

import hashlib
import sys

import bidiff
import stream
from primitives import PatchError, strict_leb


def decode(old, patch):
    if patch[:4] != b"\x8fUPS":
        raise PatchError("not a patch")
    if len(patch) < 70 or patch[4] != 1:
        raise PatchError("a patch of another format")
    codec = patch[5]
    if codec not in (1, 2):
        raise PatchError("a patch of an unknown codec")
    from_digest, to_digest = patch[6:38], patch[38:70]
    from_size, at = strict_leb(patch, 70)
    to_size, at = strict_leb(patch, at)
    memory, at = strict_leb(patch, at)
    if len(old) != from_size or hashlib.sha256(old).digest() != from_digest:
        raise PatchError("the old file is another one")
    body = patch[at:]
    if codec == 1:
        new = bidiff.decode(old, body, to_size, memory - (2 << 20))
    else:
        new = stream.decode(old, body, to_size, memory)
    if len(new) != to_size or hashlib.sha256(new).digest() != to_digest:
        raise PatchError("the new file came out wrong")
    return new


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        with open(sys.argv[1], "rb") as f:
            old = f.read()
        with open(sys.argv[2], "rb") as f:
            patch = f.read()
        new = decode(old, patch)
        with open(sys.argv[3], "wb") as f:
            f.write(new)
    except (OSError, PatchError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
